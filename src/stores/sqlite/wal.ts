import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const headerBytes = 32;
const frameHeaderBytes = 24;

/** The running checksum of SQLite's write-ahead log over `bytes` (a multiple of 8), in the byte order that its header names. */
function checksum(
  bytes: DataView,
  from: number,
  to: number,
  bigEndian: boolean,
  [a, b]: readonly [number, number],
): [number, number] {
  for (let at = from; at < to; at += 8) {
    a = (a + bytes.getUint32(at, !bigEndian) + b) >>> 0;
    b = (b + bytes.getUint32(at + 4, !bigEndian) + a) >>> 0;
  }
  return [a, b];
}

function readAt(descriptor: number, position: number, length: number): DataView | null {
  const buffer = new Uint8Array(length);
  let got = 0;
  while (got < length) {
    const n = readSync(descriptor, buffer, got, length - got, position + got);
    if (n === 0) return null;
    got += n;
  }
  return new DataView(buffer.buffer);
}

/**
 * Looks for damage in a write-ahead log before SQLite opens it; null if there is none that can be told from a torn tail.
 *
 * SQLite reads the log up to the first frame whose checksum is wrong and forgets the rest, which is right after a crash in the
 * middle of a write and wrong after a flipped bit: acknowledged events would be gone without a word. The two can be told apart:
 * a transaction is begun only after the one before it was on disk, so a wrong frame with a whole transaction and the beginning of
 * another behind it is damage. Frames check the one before them, so those behind can be judged on their own.
 * The format: sqlite.org/fileformat2.html, section 4.
 */
export function damageInLog(path: string): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    // Another process may be writing just now; what it changes meanwhile is not damage, and damage stays where it is.
    const first = scan(descriptor);
    return first !== null && scan(descriptor) === first ? first : null;
  } finally {
    closeSync(descriptor);
  }
}

function scan(descriptor: number): string | null {
  const bytes = fstatSync(descriptor).size;
  const header = readAt(descriptor, 0, headerBytes);
  if (!header || bytes < headerBytes + frameHeaderBytes) return null;
  const magic = header.getUint32(0);
  const bigEndian = (magic & 1) === 1;
  const pageBytes = header.getUint32(8);
  const seed = checksum(header, 0, 24, bigEndian, [0, 0]);
  // The header is on disk before the first frame is written, so that a wrong one in front of frames is no torn write.
  if ((magic & ~1) !== 0x377f0682 || seed[0] !== header.getUint32(24) || seed[1] !== header.getUint32(28))
    return 'a damaged header';
  if (pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) return 'a damaged header';

  let previous: readonly [number, number] = seed;
  let wrong: number | null = null;
  let commitsBehind = 0;
  for (let frame = 0; ; frame++) {
    const view = readAt(
      descriptor,
      headerBytes + frame * (frameHeaderBytes + pageBytes),
      frameHeaderBytes + pageBytes,
    );
    if (!view) return null;
    const ofThisLog =
      view.getUint32(8) === header.getUint32(16) && view.getUint32(12) === header.getUint32(20);
    const found = [view.getUint32(16), view.getUint32(20)] as const;
    const head = checksum(view, 0, 8, bigEndian, previous);
    const expected = checksum(view, frameHeaderBytes, view.byteLength, bigEndian, head);
    const sound = ofThisLog && found[0] === expected[0] && found[1] === expected[1];
    if (sound && wrong !== null && commitsBehind > 0) return `a damaged frame (${wrong}) before sound ones`;
    if (!sound) wrong ??= frame;
    if (wrong !== null && sound && view.getUint32(4) !== 0) commitsBehind++;
    previous = found;
  }
}
