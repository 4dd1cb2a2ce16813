import { hexValue } from '../http1/octets.ts';

const SLASH = 47;
const BACKSLASH = 92;
const PERCENT = 37;
const SEMICOLON = 59;
const DOT = 46;

/**
 * What servers do to a path before they look at it (RFC 3986 §6.2.2, and the habits of many). No two do all the same, so a path
 * to which any of it can be done has several readings.
 */
export const Habit = {
  /** `%61` is `a`, `%2F` is `/`. */
  decode: 1,
  /** `\` is `/`. */
  backslash: 2,
  /** `;x=1` in a segment does not belong to its name. */
  parameters: 4,
  /** `//` is `/`. */
  merge: 8,
  /** `.` and `..` are steps. */
  dots: 16,
} as const;

/** Octets that can begin a second reading: everything else in a path means itself. */
const suspects = Uint8Array.from({ length: 256 }, (_, o) =>
  o === SLASH || o === BACKSLASH || o === PERCENT || o === SEMICOLON ? 1 : 0,
);
const unreserved = Uint8Array.from({ length: 256 }, (_, o) =>
  /[A-Za-z0-9._~-]/.test(String.fromCharCode(o)) ? 1 : 0,
);

function habitOf(octet: number, next: number): number {
  switch (octet) {
    case SLASH:
      return next === SLASH ? Habit.merge : next === DOT ? Habit.dots : 0;
    case BACKSLASH:
      // It may stand beside another separator, or before dots.
      return Habit.backslash | Habit.merge | Habit.dots;
    case SEMICOLON:
      return Habit.parameters | Habit.dots;
    default:
      return 0;
  }
}

/** The octet that `%XX` at `at` stands for; -1 if it is not whole. */
function encodedAt(bytes: Uint8Array, at: number, to: number): number {
  if (at + 2 >= to) return -1;
  const high = hexValue[bytes[at + 1]!]!;
  const low = hexValue[bytes[at + 2]!]!;
  return high > 15 || low > 15 ? -1 : 16 * high + low;
}

/** Which habits make a difference to the path `bytes[from, to)`; 0 if all read it alike. */
export function habitsOf(bytes: Uint8Array, from: number, to: number): number {
  let habits = 0;
  for (let i = from; i < to; i++) {
    const octet = bytes[i]!;
    if (suspects[octet] === 0) continue;
    if (octet !== PERCENT) {
      habits |= habitOf(octet, i + 1 < to ? bytes[i + 1]! : 0);
      continue;
    }
    const encoded = encodedAt(bytes, i, to);
    // What no prefix can hold is the same to us, encoded or not.
    if (encoded === -1) continue;
    if (unreserved[encoded] === 1) habits |= Habit.decode | (encoded === DOT ? Habit.dots : 0);
    else if (encoded === SLASH) habits |= Habit.decode | Habit.merge | Habit.dots;
    else if (suspects[encoded] === 1 && encoded !== PERCENT) habits |= Habit.decode | habitOf(encoded, 0);
  }
  return habits;
}

/** The path as a server with these habits reads it. For the rare paths that have several readings. */
export function readingOf(bytes: Uint8Array, from: number, to: number, habits: number): Uint8Array {
  let path: Uint8Array = bytes.slice(from, to);
  if (habits & Habit.decode) path = decoded(path);
  if (habits & Habit.backslash) path = path.map((octet) => (octet === BACKSLASH ? SLASH : octet));
  return rebuilt(path, habits);
}

function decoded(path: Uint8Array): Uint8Array {
  let at = 0;
  for (let i = 0; i < path.length; i++) {
    const octet = path[i]!;
    const encoded = octet === PERCENT ? encodedAt(path, i, path.length) : -1;
    path[at++] = encoded === -1 ? octet : encoded;
    if (encoded !== -1) i += 2;
  }
  return path.subarray(0, at);
}

/** The path segment by segment: without parameters, empty segments and dots, as `habits` say. */
function rebuilt(path: Uint8Array, habits: number): Uint8Array {
  const out = new Uint8Array(path.length + 1);
  let at = 0;
  for (let from = 1; from <= path.length;) {
    const slash = path.indexOf(SLASH, from);
    const next = slash === -1 ? path.length : slash;
    const parameters = habits & Habit.parameters ? path.subarray(from, next).indexOf(SEMICOLON) : -1;
    const to = parameters === -1 ? next : from + parameters;
    const last = slash === -1;
    const single = to - from === 1 && path[from] === DOT;
    const double = to - from === 2 && path[from] === DOT && path[from + 1] === DOT;
    if (habits & Habit.dots && (single || double)) {
      if (double) at = Math.max(0, out.subarray(0, at).lastIndexOf(SLASH));
      if (last) out[at++] = SLASH;
    } else if (from < to || last || (habits & Habit.merge) === 0) {
      out[at++] = SLASH;
      out.set(path.subarray(from, to), at);
      at += to - from;
    }
    from = next + 1;
    if (last) break;
  }
  return out.subarray(0, at);
}
