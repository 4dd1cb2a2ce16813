import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CutoverError } from '../core/errors.ts';

/** A receipt as it stands in a file: looked at by what it hashes to, not by a schema that would drop what it does not know. */
export type WrittenReceipt = Readonly<Record<string, unknown>>;

/** More than any service has in a lifetime; a file beyond it is not read into memory. */
const mostBytes = 512 * 1024 * 1024;

/**
 * The receipts of an export, a line of JSON each, oldest first. `-` is the standard input.
 *
 * @throws CutoverError `source-invalid` if it cannot be read, or a line of it is no receipt
 */
export function readReceipts(file: string, cwd: string): WrittenReceipt[] {
  const name = file === '-' ? 'the standard input' : file;
  const invalid = (found: string, cause?: unknown): CutoverError =>
    new CutoverError('source-invalid', `${name}: expected receipts, a line of JSON each, found ${found}`, {
      next: 'cutover receipt export > FILE writes such a file',
      cause,
    });
  let text: string;
  try {
    const bytes = readFileSync(file === '-' ? 0 : resolve(cwd, file));
    if (bytes.length > mostBytes) throw invalid(`${bytes.length} bytes; ${mostBytes} are the limit`);
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (thrown) {
    if (thrown instanceof CutoverError) throw thrown;
    if (thrown instanceof TypeError) throw invalid('bytes that are no UTF-8', thrown);
    throw invalid(thrown instanceof Error ? thrown.message : String(thrown), thrown);
  }
  const lines = text.split('\n');
  // The end of the last line is no line.
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, index) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw invalid(`in line ${index + 1}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
    throw invalid(`in line ${index + 1}: ${value === null ? 'null' : typeof value}`);
  });
}
