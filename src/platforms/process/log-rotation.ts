import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { appendFile } from 'node:fs/promises';
import type { Turn } from '../../core/turn.ts';
import { isAbsent, type Disk } from './disk.ts';
import { collapseFront, punchFront, spaceWay, type SpaceWay } from './file-space.ts';
import type { LogFiles } from './log-files.ts';

const chunkBytes = 1024 * 1024;

export interface LogLimits {
  readonly maxBytes: number;
  /** Rotated files that are kept. */
  readonly files: number;
}

/** What a rotation works with. `turn`: for changes, against readers; copying needs none. */
export interface Rotation {
  readonly files: LogFiles;
  readonly turn: Turn;
  readonly disk: Disk;
  readonly limits: LogLimits;
  readonly wayOf?: (fd: number, block: number) => SpaceWay;
}

/**
 * Takes the oldest `maxBytes` out of a log that is larger, into a file of its own, while its writer goes on.
 *
 * The writer has the file open in append mode and is never asked. So whole blocks are copied, and then their room in the
 * file is given back in a way that what is written meanwhile stays behind them: nothing is lost. The cut is at a block, not
 * at a line: a rotated file can end in a line whose rest begins the next one; all files in a row are what was written.
 *
 * Where a filesystem can do neither of that (`SpaceWay` `none`), all is copied and the file emptied. What is written between the
 * last look and the emptying, two calls of the system in a row, is lost there: a few microseconds, more on a busy machine.
 *
 * Of a log that has grown beyond all that may be kept, the oldest part is given back without being copied.
 * @returns whether anything was taken out
 */
export async function rotateOnce(rotation: Rotation): Promise<boolean> {
  const { files, disk } = rotation;
  let from: number;
  try {
    from = openSync(files.path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (thrown) {
    if (isAbsent(thrown)) return false;
    throw thrown;
  }
  try {
    return await disk.act('write', files.copyPath, 'rotating the log', async () => {
      const to = openSync(files.copyPath, 'w+', 0o600);
      try {
        const { blksize } = fstatSync(from);
        // Some filesystems name a size that they like to be read in, rather than that of a block.
        const block =
          blksize >= 512 && blksize <= 65_536 && Number.isInteger(Math.log2(blksize)) ? blksize : 4096;
        const way = (rotation.wayOf ?? spaceWay)(to, block);
        return way === 'none'
          ? await moveAll(rotation, from, to)
          : await moveBlocks(rotation, { from, to, block, way });
      } finally {
        closeSync(to);
      }
    });
  } finally {
    closeSync(from);
    // Also in the midst of a failure: what has a name is not at this path any more, and what has none is not whole.
    if (files.record.pending?.kind !== 'empty') await disk.removeFile(files.copyPath);
  }
}

async function moveBlocks(
  { files, turn, disk, limits }: Rotation,
  { from, to, block, way }: { from: number; to: number; block: number; way: SpaceWay },
): Promise<boolean> {
  const whole = (bytes: number): number => Math.floor(bytes / block) * block;
  const { offset } = files;
  const { shift } = files.record;
  const { size } = fstatSync(from);
  const tooMuch = size - offset - (limits.files + 1) * limits.maxBytes;
  const start = tooMuch > 0 ? whole(offset + tooMuch) : offset;
  // A byte at least stays: a file cannot be collapsed to nothing.
  const end = Math.min(whole(start + Math.max(limits.maxBytes, block)), whole(size - 1));
  if (size - offset <= limits.maxBytes || end <= start) return false;
  if (!(await copy(from, to, start, end))) return false;
  fsyncSync(to);
  return turn.take(async () => {
    await files.size();
    if (files.record.shift !== shift || fstatSync(from).size < end) return false; // cut short by its writer meanwhile
    await files.keepCopy(shift + start, shift + end);
    await files.prune(limits.files);
    await disk.act('write', files.path, 'giving back room of the log', () => {
      punchFront(from, end);
      return Promise.resolve();
    });
    if (way === 'punch') {
      await files.save({});
      return true;
    }
    await files.save({ pending: { kind: 'collapse', bytes: end } });
    await disk.act('write', files.path, 'giving back room of the log', () => {
      collapseFront(from, end);
      return Promise.resolve();
    });
    await files.save({ shift: shift + end, pending: null });
    return true;
  });
}

async function moveAll({ files, turn, limits }: Rotation, from: number, to: number): Promise<boolean> {
  const { size } = fstatSync(from);
  const { head, shift } = files.record;
  if (size - files.offset <= limits.maxBytes) return false;
  const start = Math.max(files.offset, size - limits.files * limits.maxBytes);
  if (!(await copy(from, to, start, size))) return false;
  fsyncSync(to);
  return turn.take(async () => {
    await files.size();
    if (files.record.shift !== shift) return false; // cut short by its writer meanwhile
    await files.save({ head: shift + start, pending: { kind: 'empty' } });
    let end = size;
    try {
      const chunk = new Uint8Array(chunkBytes);
      // No more than there may be, should the writer be quicker than we.
      for (let read = 1; read > 0 && end < size + limits.maxBytes; end += read) {
        read = copyChunk(from, to, chunk, { at: end, start });
      }
      ftruncateSync(from, 0);
    } catch (thrown) {
      await files.save({ head, pending: null });
      throw thrown;
    }
    await files.keepCopy(shift + start, shift + end);
    await files.prune(limits.files);
    await files.save({ shift: shift + end, pending: null });
    return true;
  });
}

/**
 * A new run gets a new file, and what there is is kept whole. Only while no process has the file open: it would write on there.
 */
export async function beginAnew({ files, disk, limits }: Omit<Rotation, 'turn' | 'wayOf'>): Promise<void> {
  if (await files.endsInLine()) await appendFile(files.path, '\n', { mode: 0o600 });
  const size = await files.size();
  const { offset } = files;
  const { head } = files.record;
  const end = head + size;
  const begin = { head: end, shift: end, runStart: end };
  if (size > 0 && offset === 0) {
    // Remembered first: should we die here, the lines of the last run count as of this one too, and none is lost.
    await files.save(begin);
    await files.keepAs(files.path, head, end);
  } else if (size > 0) {
    await disk.act('write', files.copyPath, 'keeping the log', async () => {
      const from = openSync(files.path, constants.O_RDONLY | constants.O_NOFOLLOW);
      const to = openSync(files.copyPath, 'w', 0o600);
      try {
        await copy(from, to, offset, offset + size);
        fsyncSync(to);
      } finally {
        closeSync(from);
        closeSync(to);
      }
    });
    await files.keepCopy(head, end);
    await disk.removeFile(files.path);
    await files.save(begin);
  } else {
    if (offset > 0) await disk.removeFile(files.path);
    await files.save(begin);
  }
  await files.prune(limits.files);
}

/** @returns false if the file turned out to be shorter */
async function copy(from: number, to: number, start: number, end: number): Promise<boolean> {
  const chunk = new Uint8Array(chunkBytes);
  for (let position = start; position < end;) {
    const part = chunk.subarray(0, Math.min(chunkBytes, end - position));
    const read = copyChunk(from, to, part, { at: position, start });
    if (read === 0) return false;
    position += read;
    await new Promise(setImmediate);
  }
  return true;
}

/** Copies what is `at` an offset to where it belongs in a copy that begins with what is at `start`. */
function copyChunk(
  from: number,
  to: number,
  chunk: Uint8Array,
  { at, start }: { at: number; start: number },
): number {
  const read = readSync(from, chunk, 0, chunk.length, at);
  for (let written = 0; written < read;) {
    written += writeSync(to, chunk, written, read - written, at - start + written);
  }
  return read;
}
