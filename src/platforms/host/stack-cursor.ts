import { z } from 'zod';
import { CutoverError } from '../../core/errors.ts';

const Cursors = z.record(z.string().max(63), z.string().max(12_288));
const head = 'h1~';
const most = 12 * 1024;

/** One cursor for the logs of several hosts: the cursor of each, by its name. */
export const formatStackCursor = (cursors: Readonly<Record<string, string>>): string =>
  `${head}${Buffer.from(JSON.stringify(cursors)).toString('base64url')}`;

/** Throws `request-invalid` for a text that is no cursor. */
export function parseStackCursor(text: string): Record<string, string> {
  const refuse = (cause?: unknown): CutoverError =>
    new CutoverError('request-invalid', 'expected a cursor that an earlier answer gave; found another text', {
      next: 'ask without it for the last lines',
      ...(cause === undefined ? {} : { cause }),
    });
  if (!text.startsWith(head) || text.length > most || !/^[A-Za-z0-9_-]*$/.test(text.slice(head.length)))
    throw refuse();
  try {
    return Cursors.parse(JSON.parse(Buffer.from(text.slice(head.length), 'base64url').toString('utf8')));
  } catch (cause) {
    throw refuse(cause);
  }
}
