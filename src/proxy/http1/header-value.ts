import { COLON, LF, lowered, SP, TAB } from './octets.ts';

/** A place in the bytes of a head; reused. */
export interface Span {
  from: number;
  to: number;
}

/** Whether the line at `at` is of the field of this name (lower case). */
function isField(bytes: Uint8Array, at: number, name: Uint8Array): boolean {
  if (bytes[at + name.length] !== COLON) return false;
  for (let i = 0; i < name.length; i++) if (lowered[bytes[at + i]!] !== name[i]) return false;
  return true;
}

/**
 * Finds the next line of a field in a head that was read.
 *
 * @param name in lower case
 * @param from where a line begins: `RequestHead.fieldsFrom`, or what the last call returned
 * @param end `RequestHead.end`
 * @param value gets the place of the value, without blanks around it
 * @returns where the line after it begins; -1 if there is none
 */
export function nextValue(
  bytes: Uint8Array,
  name: Uint8Array,
  from: number,
  end: number,
  value: Span,
): number {
  for (let line = from; line < end - 2;) {
    const next = bytes.indexOf(LF, line) + 1;
    if (isField(bytes, line, name)) {
      let first = line + name.length + 1;
      let last = next - 2;
      while (first < last && (bytes[first] === SP || bytes[first] === TAB)) first++;
      while (last > first && (bytes[last - 1] === SP || bytes[last - 1] === TAB)) last--;
      value.from = first;
      value.to = last;
      return next;
    }
    line = next;
  }
  return -1;
}

const SEMICOLON = 59;
const EQUALS = 61;

/**
 * Finds the next cookie of this name in the value of a `Cookie` line (RFC 6265 §4.2.1). Names of cookies are case-sensitive.
 *
 * @param from where a pair begins, or what the last call returned
 * @param to the end of the line's value
 * @param value gets the place of the cookie's value
 * @returns where the next pair begins; -1 if there is none of this name
 */
export function nextCookie(
  bytes: Uint8Array,
  name: Uint8Array,
  from: number,
  to: number,
  value: Span,
): number {
  for (let pair = from; pair < to;) {
    let end = pair;
    while (end < to && bytes[end] !== SEMICOLON) end++;
    while (pair < end && (bytes[pair] === SP || bytes[pair] === TAB)) pair++;
    let last = end;
    while (last > pair && (bytes[last - 1] === SP || bytes[last - 1] === TAB)) last--;
    const at = pair + name.length;
    if (at < last && bytes[at] === EQUALS) {
      let i = 0;
      while (i < name.length && bytes[pair + i] === name[i]) i++;
      if (i === name.length) {
        value.from = at + 1;
        value.to = last;
        return end + 1;
      }
    }
    pair = end + 1;
  }
  return -1;
}
