import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { diskError, isAbsent } from './disk.ts';

/** As much of a log is looked at for one answer. A line that is longer counts as several. */
export const windowBytes = 256 * 1024;
/** A longer line is cut, so that a program that writes no line breaks cannot flood a message. */
const lineCharacters = 4096;

const decoder = new TextDecoder();

/** The text of a line, without its break. */
export function lineText(bytes: Uint8Array): string {
  const text = decoder.decode(bytes.subarray(0, 4 * lineCharacters + 4));
  const line = text.endsWith('\r') ? text.slice(0, -1) : text;
  return line.length > lineCharacters ? `${line.slice(0, lineCharacters)}…` : line;
}

/** Where each whole line in these bytes ends: behind its break. */
export function lineEnds(bytes: Uint8Array): number[] {
  const ends: number[] = [];
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) ends.push(at + 1);
  return ends;
}

/** The last lines of a file, at most `lines`, from its last 256 KiB; none if there is no such file. */
export async function lastLines(path: string, lines: number): Promise<string[]> {
  let handle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (thrown) {
    if (isAbsent(thrown)) return [];
    throw diskError(thrown, 'reading', path);
  }
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - windowBytes);
    const { buffer, bytesRead } = await handle.read(new Uint8Array(size - start), 0, size - start, start);
    return linesAtEnd(buffer.subarray(0, bytesRead), lines, start > 0).texts;
  } finally {
    await handle.close();
  }
}

/**
 * The last lines of these bytes, oldest first; what has no break at the end is one too, `unfinished`.
 * @param isCut whether the bytes begin in the middle of a line, which is then left out if there is another
 */
export function linesAtEnd(
  bytes: Uint8Array,
  lines: number,
  isCut: boolean,
): { readonly texts: string[]; readonly isUnfinished: boolean; readonly wholeEnd: number } {
  const ends = lineEnds(bytes);
  const wholeEnd = ends.at(-1) ?? 0;
  const isUnfinished = wholeEnd < bytes.length;
  const starts = isCut && ends.length > 0 ? ends : [0, ...ends];
  if (!isUnfinished) starts.pop(); // behind the last break is nothing
  const kept = lines > 0 ? starts.slice(-lines) : [];
  const texts = kept.map((start) => {
    const next = bytes.indexOf(10, start);
    return lineText(bytes.subarray(start, next < 0 ? bytes.length : next));
  });
  return { texts, isUnfinished: isUnfinished && kept.length > 0, wholeEnd };
}
