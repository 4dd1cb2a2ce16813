import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';

type Decoder = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array;
const decoders: Readonly<Record<string, Decoder>> = {
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

/** What a body is without its content coding (RFC 9110 §8.4); undefined if the coding is not known, is broken, or makes more than `mostBytes`. */
export function decoded(bytes: Uint8Array, coding: string, mostBytes: number): Uint8Array | undefined {
  if (coding === '' || coding === 'identity' || bytes.length === 0) return bytes;
  const decoder = decoders[coding];
  if (decoder === undefined) return undefined;
  try {
    return decoder(bytes, { maxOutputLength: mostBytes });
  } catch {
    return undefined;
  }
}
