import { CutoverError, errorRecord, type ErrorRecord } from '../../core/errors.ts';

export interface HostResult<T> {
  readonly host: string;
  readonly value: T | null;
  readonly error: ErrorRecord | null;
}

/** Does the same at all hosts, at most `parallel` at a time, to the end at each: what came of it, host by host, in their order. */
export async function eachHost<T>(
  hosts: readonly string[],
  parallel: number,
  work: (host: string) => Promise<T>,
): Promise<HostResult<T>[]> {
  const results = new Array<HostResult<T>>(hosts.length);
  const left = hosts.entries();
  const walk = async (): Promise<void> => {
    for (const [at, host] of left) {
      try {
        results[at] = { host, value: await work(host), error: null };
      } catch (error) {
        results[at] = { host, value: null, error: errorRecord(error) };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, hosts.length) }, walk));
  return results;
}

/** One error for all hosts that failed; what came of each is in its detail. */
export function failureOf<T>(doing: string, results: readonly HostResult<T>[]): CutoverError | null {
  const failed = results.flatMap(({ host, error }) => (error ? [{ host, error }] : []));
  const [first] = failed;
  if (!first) return null;
  const rest = failed.length === 1 ? '' : ` (and ${failed.length - 1} more)`;
  const { code, message, next, detail } = first.error;
  return new CutoverError(
    code,
    `${doing}: ${failed.length} of ${results.length} hosts failed: ${message}${rest}`,
    {
      ...(next === undefined ? {} : { next }),
      detail: {
        ...detail,
        problems: failed.map(({ host, error }) =>
          error.message.includes(host) ? error.message : `${host}: ${error.message}`,
        ),
        hosts: results.map(({ host, error }) => ({ host, error: error?.code ?? null })),
      },
    },
  );
}
