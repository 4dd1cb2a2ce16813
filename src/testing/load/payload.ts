import { createHash } from 'node:crypto';
import type { Random } from './random.ts';

/** Something to upload, with what its receiver must have computed. `chunked` is the body in chunked coding, in pieces. */
export interface Payload {
  readonly bytes: Buffer;
  readonly sha256: string;
  readonly chunked: Buffer;
}

/** Bodies of `least` to `most` bytes, small ones more often (each doubling has as many). Made once, since hashing is dear. */
export function makePayloads(random: Random, count: number, least: number, most: number): Payload[] {
  const source = random.bytes(most);
  return Array.from({ length: count }, () => {
    const length = Math.round(least * (most / least) ** random.next());
    const from = random.between(0, most - length);
    const bytes = source.subarray(from, from + length);
    return {
      bytes,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      chunked: chunkedBody(random, bytes),
    };
  });
}

/** RFC 9112 §7.1, in chunks of 1 byte to 16 KB. */
function chunkedBody(random: Random, bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Math.min(bytes.length - at, random.between(1, 16 * 1024));
    parts.push(
      Buffer.from(`${length.toString(16)}\r\n`),
      bytes.subarray(at, at + length),
      Buffer.from('\r\n'),
    );
    at += length;
  }
  parts.push(Buffer.from('0\r\n\r\n'));
  return Buffer.concat(parts);
}
