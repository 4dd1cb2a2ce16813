/** More digits than this do not fit an exact number; a longer value is refused rather than rounded. */
const maxDigits = 15;

/**
 * The value of a Content-Length field (RFC 9110 §8.6): digits only. -1 if it is anything else: empty, signed, a list,
 * hexadecimal, too large. Lists of equal values are refused too: not every server reads them.
 */
export function contentLengthOf(bytes: Uint8Array, from: number, to: number): number {
  if (to === from || to - from > maxDigits) return -1;
  let length = 0;
  for (let i = from; i < to; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}
