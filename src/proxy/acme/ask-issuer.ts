import { IssuerReport, type Challenge, type IssuerOrder } from './messages.ts';

/** How long one host may take: an authority asks from several places, and may take its time to sign. */
const limitMs = 5 * 60_000;

export type Obtained = Extract<IssuerReport, { kind: 'obtained' }>;

/** Why there is no certificate. */
export class IssuerFailed extends Error {
  override readonly name = 'IssuerFailed';
  constructor(
    message: string,
    /** What the authority asked for; null: nothing. */
    readonly retryAfterMs: number | null,
  ) {
    super(message);
  }
}

export interface IssuerListener {
  onAccount(key: string): void;
  /** Resolves when the authority may ask. */
  onChallenge(challenge: Challenge): Promise<void>;
}

/**
 * Starts a process that obtains one certificate, and waits for its end.
 *
 * @param command argument vector of a program that calls `runIssuerProcess`
 * @param signal ends the process
 * @throws IssuerFailed with what the authority, or the process, said
 */
export async function askIssuer(
  command: readonly string[],
  order: Extract<IssuerOrder, { kind: 'obtain' | 'stand-in' }>,
  listener: IssuerListener,
  signal: AbortSignal,
): Promise<Obtained> {
  const answer = Promise.withResolvers<Obtained>();
  const exited = Promise.withResolvers<void>();
  const fail = (message: string, retryAfterMs: number | null = null): void =>
    answer.reject(new IssuerFailed(message, retryAfterMs));
  if (signal.aborted) throw new IssuerFailed('the proxy stops', null);
  const child = Bun.spawn([...command], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: process.env,
    serialization: 'json',
    ipc: (message: unknown, child) => {
      const parsed = IssuerReport.safeParse(message);
      if (!parsed.success) return fail('a program of another version was found in place of this one');
      const report = parsed.data;
      switch (report.kind) {
        case 'listening':
          child.send(order);
          return;
        case 'account':
          try {
            listener.onAccount(report.key);
          } catch (error) {
            fail(`the key of the account could not be kept: ${String(error)}`);
          }
          return;
        case 'challenge':
          listener.onChallenge(report.challenge).then(
            () => child.send({ kind: 'ready' } satisfies IssuerOrder),
            (error: unknown) => fail(`the proof could not be shown by every worker: ${String(error)}`),
          );
          return;
        case 'obtained':
          answer.resolve(report);
          return;
        case 'failed':
          fail(report.message, report.retryAfterMs);
      }
    },
    onExit: (_child, code, by) => {
      fail(`the process that asks the authority ended (${by === null ? `exit code ${code}` : `${by}`})`);
      exited.resolve();
    },
  });
  const end = (): void => fail('the proxy stops');
  const timer = setTimeout(() => fail(`it took longer than ${limitMs / 60_000} minutes`), limitMs);
  signal.addEventListener('abort', end, { once: true });
  try {
    return await answer.promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    child.kill('SIGKILL');
    await exited.promise;
  }
}
