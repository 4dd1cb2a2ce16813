import type { Readable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { CutoverError, errorRecord } from '../../../core/errors.ts';
import type { Connection } from './connections.ts';
import { shellLine } from './shell-words.ts';

const mostErrorBytes = 8_192;

/** How a program on a host ended. */
export interface FarExit {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

export const gone = ({ place }: Connection, cause: unknown): CutoverError =>
  new CutoverError('agent-absent', `${place}: expected it to answer, found: ${errorRecord(cause).message}`, {
    next: 'see that the host is up; the order may be given again',
    cause,
  });

/** Starts a program there. Whoever logs in gets a shell of POSIX, which reads one line. */
export async function startThere(connection: Connection, words: readonly string[]): Promise<ClientChannel> {
  const { client, over } = connection;
  if (over.aborted) throw gone(connection, over.reason);
  try {
    return await new Promise((resolve, reject) =>
      // Throws if the connection has just ended.
      client.exec(shellLine(words), (error, channel) => (error ? reject(error) : resolve(channel))),
    );
  } catch (cause) {
    throw gone(connection, over.aborted ? over.reason : cause);
  }
}

/**
 * Runs a program there to its end.
 *
 * @param input what it reads; default nothing
 * @throws CutoverError `agent-absent` if the host is gone meanwhile, `aborted`
 */
export async function runThere(
  connection: Connection,
  words: readonly string[],
  {
    input,
    signal,
    mostBytes = 65_536,
  }: {
    readonly input?: Readable;
    readonly signal?: AbortSignal | undefined;
    readonly mostBytes?: number;
  } = {},
): Promise<FarExit> {
  const channel = await startThere(connection, words);
  const output: Buffer[] = [];
  let bytes = 0;
  let errors = '';
  return new Promise((resolve, reject) => {
    const give = (act: () => void): void => {
      connection.over.removeEventListener('abort', onOver);
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    const onOver = (): void => give(() => reject(gone(connection, connection.over.reason)));
    const onAbort = (): void => {
      channel.close();
      give(() =>
        reject(
          new CutoverError('aborted', `${connection.place}: the order was given up`, {
            cause: signal?.reason,
          }),
        ),
      );
    };
    connection.over.addEventListener('abort', onOver);
    signal?.addEventListener('abort', onAbort);
    channel.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= mostBytes) output.push(chunk);
    });
    channel.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString('utf8')).slice(-mostErrorBytes);
    });
    channel.on('error', (error: Error) => give(() => reject(gone(connection, error))));
    channel.on('close', (code: number | null | undefined) =>
      give(() => {
        if (bytes > mostBytes) reject(gone(connection, new Error(`more than ${mostBytes} bytes of answer`)));
        else
          resolve({
            code: code ?? null,
            output: Buffer.concat(output).toString('utf8'),
            errors: errors.trim(),
          });
      }),
    );
    if (signal?.aborted === true) onAbort();
    else if (input === undefined) channel.end();
    else {
      input.on('error', (error) => {
        channel.close();
        give(() => reject(error));
      });
      input.pipe(channel);
    }
  });
}
