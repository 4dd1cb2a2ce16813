const table = Uint32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/** CRC32c (RFC 4960 appendix B) of `bytes[from, to)`, with the octets of `[zeroFrom, zeroFrom + 4)` taken for zero. */
export function crc32c(bytes: Uint8Array, from: number, to: number, zeroFrom = -4): number {
  let crc = 0xffffffff;
  for (let i = from; i < to; i++) {
    const octet = i >= zeroFrom && i < zeroFrom + 4 ? 0 : bytes[i]!;
    crc = table[(crc ^ octet) & 255]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
