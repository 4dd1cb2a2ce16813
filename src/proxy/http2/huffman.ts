/**
 * How many bits each octet takes, in runs of sixteen (RFC 7541 Appendix B); the last is the end of string. The code is canonical: among codes of
 * one length the octets go up, and shorter codes come first, so the lengths are all there is to know.
 */
// prettier-ignore
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const endOfString = 256;

/** The code of each octet. */
const codes = new Uint32Array(lengths.length);
/** A binary tree in pairs: what follows a 0 and a 1. From `leaf` on it is an octet. */
const leaf = 0x1000;
const tree: number[] = [0, 0];
{
  const order = [...lengths.keys()].sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  let code = 0;
  let length = lengths[order[0]!]!;
  for (const octet of order) {
    code <<= lengths[octet]! - length;
    length = lengths[octet]!;
    codes[octet] = code;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const at = node + ((code >>> bit) & 1);
      if (tree[at] === 0) {
        tree[at] = tree.length;
        tree.push(0, 0);
      }
      node = tree[at]!;
    }
    tree[node + (code & 1)] = leaf + octet;
    code++;
  }
}

/** How many octets the text (Latin-1) takes. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += lengths[text.charCodeAt(i) & 0xff]!;
  return (bits + 7) >>> 3;
}

/** Adds the text (Latin-1) to `target`, filled up with the beginning of the end of string (RFC 7541 §5.2). */
export function encodeHuffman(text: string, target: number[]): void {
  let kept = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i) & 0xff;
    // At most 7 bits are kept and a code has at most 30: in two steps, so that 32 bits are enough.
    let left = lengths[octet]!;
    while (left > 0) {
      const some = Math.min(left, 16);
      left -= some;
      kept = (kept << some) | ((codes[octet]! >>> left) & ((1 << some) - 1));
      bits += some;
      for (; bits >= 8; bits -= 8) target.push((kept >>> (bits - 8)) & 0xff);
      kept &= (1 << bits) - 1;
    }
  }
  if (bits > 0) target.push(((kept << (8 - bits)) | ((1 << (8 - bits)) - 1)) & 0xff);
}

/**
 * The text (Latin-1) that `bytes[from, to)` stands for; null if it is not valid: it holds the end of string, or is not filled up with at most seven
 * ones.
 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number): string | null {
  let text = '';
  let node = 0;
  let bits = 0;
  let ones = true;
  for (let i = from; i < to; i++)
    for (let bit = 7; bit >= 0; bit--) {
      const value = (bytes[i]! >>> bit) & 1;
      const next = tree[node + value]!;
      bits++;
      ones &&= value === 1;
      if (next < leaf) {
        node = next;
        continue;
      }
      if (next === leaf + endOfString) return null;
      text += String.fromCharCode(next - leaf);
      node = bits = 0;
      ones = true;
    }
  return bits > 7 || !ones ? null : text;
}
