import { ascii } from '../http1/octets.ts';

/** A path in which `*` stands for any run of octets, slashes too. Found in time that grows with the path, whatever the pattern. */
export class PathPattern {
  private readonly first: Uint8Array;
  private readonly last: Uint8Array;
  private readonly middle: readonly Uint8Array[];
  private readonly exact: boolean;

  constructor(text: string) {
    const parts = text.split('*').map(ascii);
    this.exact = parts.length === 1;
    this.first = parts[0]!;
    this.last = parts.at(-1)!;
    this.middle = parts.slice(1, -1).filter((part) => part.length > 0);
  }

  /** Whether `bytes[from, to)` fits, as a whole. */
  fits(bytes: Uint8Array, from: number, to: number): boolean {
    const { first, last } = this;
    if (this.exact) return to - from === first.length && isAt(bytes, from, first);
    if (to - from < first.length + last.length) return false;
    const end = to - last.length;
    if (!isAt(bytes, from, first) || !isAt(bytes, end, last)) return false;
    let at = from + first.length;
    // The first place for each is the best one: it leaves most to those behind it.
    for (const part of this.middle) {
      while (at + part.length <= end && !isAt(bytes, at, part)) at++;
      if (at + part.length > end) return false;
      at += part.length;
    }
    return true;
  }
}

function isAt(bytes: Uint8Array, at: number, part: Uint8Array): boolean {
  for (let i = 0; i < part.length; i++) if (bytes[at + i] !== part[i]) return false;
  return true;
}
