import type { Readable } from 'node:stream';
import type { z } from 'zod';
import { CutoverError } from '../../core/errors.ts';
import { Failed } from './protocol.ts';

export interface Calling {
  readonly signal?: AbortSignal | undefined;
  /** For all of the answer; absent: as long as it takes. */
  readonly timeoutMs?: number;
}

/**
 * Gives orders of the protocol (protocol.ts) to one host. Each may be given again after `agent-absent`, which says that the host does not answer, or does not
 * answer any more; a host that is gone is found out while an answer is waited for, however long that may take.
 */
export interface HostClient {
  /** Its name in the spec. */
  readonly host: string;
  /** Where it is reached: a name or an address. */
  readonly at: string;
  call<T>(name: string, order: unknown, schema: z.ZodType<T>, calling?: Calling): Promise<T>;
  /** Sends bytes as they come. */
  send<T>(name: string, content: Readable, schema: z.ZodType<T>, calling?: Calling): Promise<T>;
}

/** No answer takes more. */
export const mostAnswerBytes = 64 * 1024 * 1024;

/**
 * What an answer says.
 *
 * @param place of the host, as messages name it
 * @throws CutoverError what the host failed with; `agent-refused` for an answer of another protocol
 */
export function readAnswer<T>(
  { host, place, name }: { readonly host: string; readonly place: string; readonly name: string },
  { ok, status, text }: { readonly ok: boolean; readonly status: number; readonly text: string },
  schema: z.ZodType<T>,
): T {
  const strange = (found: string, cause?: unknown): CutoverError =>
    new CutoverError(
      'agent-refused',
      `${place}: expected an answer to ${name} of protocol 1, found ${found}`,
      {
        next: 'have the same version of Cutover on the host and here',
        ...(cause === undefined ? {} : { cause }),
      },
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw strange(`${status}: ${text.slice(0, 200)}`, cause);
  }
  if (!ok) {
    const failed = Failed.safeParse(value);
    if (!failed.success) throw strange(`${status}: ${text.slice(0, 200)}`);
    const { code, message, next, detail } = failed.data.error;
    throw new CutoverError(code, `${host}: ${message}`, {
      ...(next === undefined ? {} : { next }),
      detail: { ...detail, host },
    });
  }
  const answer = schema.safeParse(value);
  if (answer.success) return answer.data;
  throw strange(answer.error.message, answer.error);
}
