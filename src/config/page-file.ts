import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { CutoverError } from '../core/errors.ts';
import { mostPageBytes, pageExtensions, pageTypeOf, type Page } from '../core/page.ts';

const tooLong = `expected at most ${mostPageBytes} bytes, found more`;

function bytesOf(path: string): Uint8Array {
  // One that is a pipe must not keep us waiting for whoever writes to it.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) throw new Error('expected a file, found something else');
    const bytes = new Uint8Array(mostPageBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(fd, bytes, length, bytes.length - length, null);
    if (length > mostPageBytes) throw new Error(tooLong);
    return bytes.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a page, whose type its name says.
 *
 * @param path absolute
 * @throws CutoverError `page-invalid` if it cannot be read, is too long, is not UTF-8, or is of no type that is known
 */
export function readPage(path: string): Page {
  const invalid = (why: string, cause?: unknown): CutoverError =>
    new CutoverError('page-invalid', `the page ${path}: ${why}`, {
      next: 'mend the file, or name another one',
      detail: { path },
      cause,
    });
  const type = pageTypeOf(path);
  if (type === null)
    throw invalid(`expected a name that ends with ${pageExtensions.join(', ')}, found another one`);
  let bytes: Uint8Array;
  try {
    bytes = bytesOf(path);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause), cause);
  }
  try {
    return { type, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (cause) {
    throw invalid('expected text in UTF-8, found other bytes', cause);
  }
}
