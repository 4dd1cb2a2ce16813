import { resolve } from 'node:path';
import { readPage } from '../config/page-file.ts';
import { CutoverError } from '../core/errors.ts';
import { modeNames, type ModeOrder } from '../core/mode.ts';
import type { Page } from '../core/page.ts';

/** What the command line says of a mode. */
export interface ModeWords {
  readonly writes?: string;
  /** Milliseconds. */
  readonly wait?: number;
  readonly queue?: number;
  readonly pace?: number;
  /** Milliseconds. */
  readonly retryAfter?: number;
  readonly page?: string;
}

/**
 * Reads the words of the command line.
 *
 * @param verb for messages, e.g. `cutover mode`
 * @param cwd the folder that `page` is relative to
 * @throws CutoverError `usage`
 */
export function modeOrder(verb: string, name: string, words: ModeWords, cwd: string): ModeOrder {
  const mode = modeNames.find((each) => each === name);
  const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });
  if (mode === undefined)
    throw usage(`${verb}: expected one of ${modeNames.join(', ')}, found ${name}`, `${verb} held`);
  const { writes, wait, queue, pace, retryAfter, page } = words;
  if (page !== undefined && mode !== 'closed')
    throw usage(`${verb} ${mode}: --page is for closed, which alone shows one`, 'leave it out');
  if (writes !== undefined && mode !== 'read-only')
    throw usage(`${verb} ${mode}: --writes is for read-only`, 'leave it out');
  if (writes !== undefined && writes !== 'hold' && writes !== 'refuse')
    throw usage(`--writes: expected hold or refuse, found ${writes}`, 'name one of them');
  return {
    mode,
    ...(writes !== undefined && { writes }),
    ...(wait !== undefined && { waitMs: wait }),
    ...(queue !== undefined && { queue }),
    ...(pace !== undefined && { pace }),
    ...(retryAfter !== undefined && { retryAfterS: Math.ceil(retryAfter / 1000) }),
    ...(page !== undefined && { page: pageNamed(resolve(cwd, page)) }),
  };
}

/** What is wrong with a file that the command line names is wrong with the command line. */
function pageNamed(path: string): Page {
  try {
    return readPage(path);
  } catch (error) {
    if (!(error instanceof CutoverError)) throw error;
    throw new CutoverError('usage', `--page: ${error.message}`, {
      cause: error,
      ...(error.next !== undefined && { next: error.next }),
    });
  }
}
