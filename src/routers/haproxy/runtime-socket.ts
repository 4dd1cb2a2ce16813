import { CutoverError } from '../../core/errors.ts';

const answerMs = 5000;
const mostBytes = 16 * 1024 * 1024;

/**
 * Gives commands to HAProxy's runtime API, one connection for all of them; returns what it answered to each.
 *
 * @throws CutoverError `router-absent` if nobody answers there: whether a command took effect is then unknown
 */
export async function tellHaproxy(socket: string, commands: readonly string[]): Promise<string[]> {
  const answers: string[] = [];
  // One at a time: the answers to several on one line are told apart only by empty lines, which an answer may have as well.
  for (const command of commands) answers.push(await tellOne(socket, command));
  return answers;
}

async function tellOne(socket: string, command: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const absent = (what: string, cause?: unknown): CutoverError =>
    new CutoverError('router-absent', `HAProxy at ${socket} ${what}`, {
      next: 'see that HAProxy runs and has "stats socket … level admin" at this path, which the controller may open (router.haproxy.socket)',
      cause,
    });
  const timer = setTimeout(() => reject(absent(`did not answer within ${answerMs} ms`)), answerMs);
  try {
    const wire = await Bun.connect({
      unix: socket,
      socket: {
        data(_wire, chunk) {
          bytes += chunk.length;
          if (bytes > mostBytes) reject(absent(`answered with more than ${mostBytes} bytes`));
          else chunks.push(Buffer.from(chunk));
        },
        close: () => resolve(Buffer.concat(chunks).toString('utf8')),
        error: (_wire, error) => reject(absent(`broke off: ${error.message}`, error)),
      },
    }).catch((cause: unknown) => {
      throw absent(`does not answer: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    });
    try {
      wire.write(`${command}\n`);
      return (await promise).trim();
    } finally {
      wire.terminate();
    }
  } finally {
    clearTimeout(timer);
  }
}
