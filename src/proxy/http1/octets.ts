/**
 * Classes of octets (RFC 9110 §5.6.2, RFC 9112 §2-§5) as tables, so that a scan costs one look-up for each octet.
 * Everything here works on bytes: text is never decoded on the way through.
 */
export const CR = 13;
export const LF = 10;
export const SP = 32;
export const TAB = 9;
export const COLON = 58;
export const COMMA = 44;

const table = (belongs: (octet: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, octet) => (belongs(octet) ? 1 : 0));
const isAlphanumeric = (o: number): boolean =>
  (o >= 48 && o <= 57) || (o >= 65 && o <= 90) || (o >= 97 && o <= 122);
const inText = (text: string) => (o: number) => text.includes(String.fromCharCode(o));

/** tchar: what a method or a field name is made of. */
export const tokenOctets = table((o) => isAlphanumeric(o) || inText("!#$%&'*+-.^_`|~")(o));
/** What a field value may hold: visible octets, space, tab, obs-text. No control: a CR, LF or NUL inside splits parsers. */
export const valueOctets = table((o) => o === TAB || (o >= 32 && o !== 127));
/** What a request target may hold. A `#`, a space or anything beyond ASCII is read differently by different servers. */
export const targetOctets = table((o) => o > 32 && o < 127 && o !== 35);
/**
 * What a host without brackets may hold. Narrower than RFC 3986's reg-name on purpose: percent signs, commas and the like
 * are not in any name that DNS serves, and the host is copied into quoted text (`Forwarded`).
 */
export const hostOctets = table((o) => isAlphanumeric(o) || inText('-._~')(o));
/** Inside the brackets of an IPv6 host. */
export const bracketOctets = table(
  (o) => (o >= 48 && o <= 58) || (o >= 65 && o <= 70) || (o >= 97 && o <= 102) || o === 46,
);
/** Value of a hexadecimal digit, 255 for any other octet. */
export const hexValue = Uint8Array.from({ length: 256 }, (_, o) =>
  o >= 48 && o <= 57 ? o - 48 : o >= 65 && o <= 70 ? o - 55 : o >= 97 && o <= 102 ? o - 87 : 255,
);
/**
 * Lower case, and `_` as `-`: the two are one in the environment of CGI-like servers, so `X_Forwarded_For` is an alias
 * that would walk past a filter which compares names literally.
 */
export const folded = Uint8Array.from({ length: 256 }, (_, o) =>
  o >= 65 && o <= 90 ? o + 32 : o === 95 ? 45 : o,
);

/** ASCII text as bytes. */
export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Whether `name` (lower case) stands at `at`, in any case and with `_` for `-`. The caller knows that the length fits. */
export function isName(bytes: Uint8Array, at: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (folded[bytes[at + i]!] !== name[i]) return false;
  return true;
}

/** Letters in lower case; the rest as it is. */
export const lowered = Uint8Array.from({ length: 256 }, (_, o) => (o >= 65 && o <= 90 ? o + 32 : o));

/** Whether two ranges hold the same bytes but for the case of letters. */
export function sameInAnyCase(
  bytes: Uint8Array,
  from: number,
  to: number,
  other: Uint8Array,
  otherFrom: number,
  otherTo: number,
): boolean {
  if (to - from !== otherTo - otherFrom) return false;
  for (let i = from, j = otherFrom; i < to; i++, j++)
    if (lowered[bytes[i]!] !== lowered[other[j]!]) return false;
  return true;
}

/** Copies `bytes[from, to)` to `target` at `at`; returns the index after the copy. A loop: heads are short, and a view costs more. */
export function copy(bytes: Uint8Array, from: number, to: number, target: Uint8Array, at: number): number {
  if (to - from > 256) {
    target.set(bytes.subarray(from, to), at);
    return at + to - from;
  }
  for (let i = from; i < to; i++) target[at++] = bytes[i]!;
  return at;
}

/**
 * Calls `visit` with each element of a comma-separated list (RFC 9110 §5.6.1), trimmed; empty ones are passed over.
 */
export function eachElement(
  bytes: Uint8Array,
  from: number,
  to: number,
  visit: (from: number, to: number) => void,
): void {
  let start = from;
  for (let i = from; i <= to; i++) {
    if (i < to && bytes[i] !== COMMA) continue;
    let first = start;
    let last = i;
    while (first < last && (bytes[first] === SP || bytes[first] === TAB)) first++;
    while (last > first && (bytes[last - 1] === SP || bytes[last - 1] === TAB)) last--;
    if (last > first) visit(first, last);
    start = i + 1;
  }
}
