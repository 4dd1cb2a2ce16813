import type { z } from 'zod';
import { formatAddress, type Address } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import type { LoadOptions } from './load.ts';
import { Counts, Mark, Snapshot } from './snapshot.ts';

/** A load in a process of its own, so that neither slows the other's clock. It ends when this process does. */
export interface SpawnedLoad {
  readonly pid: number;
  snapshot(): Promise<Snapshot>;
  /** Requests that are `begunAfter` it were sent after this was called. */
  mark(): Promise<Mark>;
  begunAfter(mark: Mark): Promise<Counts>;
  /** Finishes what is in flight; resolves with the last snapshot when the process has ended. May be called again. */
  stop(): Promise<Snapshot>;
}

/** Starts `main.ts` with these options. Rejects calls with `internal` if the process ends early; its last words are in the message. */
export function spawnLoad(
  options: Omit<LoadOptions, 'profile'> & {
    /** A command that runs another one somewhere, such as in a network namespace. Default: here. */
    readonly within?: readonly string[];
    /** Whom it asks where the name of the target leads to. Default: it is an address. */
    readonly resolver?: Address;
  },
): SpawnedLoad {
  const { target, connections, seed, mix, rate, timeoutMs } = options;
  const optional = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`--${name}`, value];
  const child = Bun.spawn(
    [
      ...(options.within ?? []),
      process.execPath,
      `${import.meta.dirname}/main.ts`,
      '--control',
      ...optional('target', formatAddress(target)),
      ...optional('resolver', options.resolver && formatAddress(options.resolver)),
      ...optional('connections', String(connections)),
      ...optional('seed', String(seed)),
      ...optional('timeout', timeoutMs?.toString()),
      ...optional('rate', rate?.toString()),
      ...optional(
        'mix',
        mix &&
          Object.entries(mix)
            .map(([kind, share]) => `${kind}=${share}`)
            .join(','),
      ),
    ],
    { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' },
  );
  const said = new Response(child.stderr).text();
  const lines = linesOf(child.stdout);
  let turn: Promise<unknown> = Promise.resolve();

  /** One question at a time: answers come in the order of the questions. */
  const ask = <T>(words: string, schema: z.ZodType<T>): Promise<T> => {
    const answer = turn.then(async () => {
      await child.stdin.write(`${words}\n`);
      await child.stdin.flush();
      const line = await lines.next();
      if (line.done)
        throw new CutoverError(
          'internal',
          `load: expected an answer to ${words}, found that it has ended: ${await said}`,
        );
      return schema.parse(JSON.parse(line.value));
    });
    turn = answer.catch(() => undefined);
    return answer;
  };

  let stopped: Promise<Snapshot> | null = null;
  return {
    pid: child.pid,
    snapshot: () => ask('snapshot', Snapshot),
    mark: () => ask('mark', Mark),
    begunAfter: (mark) => ask(`begun-after ${mark}`, Counts),
    stop: () =>
      (stopped ??= ask('stop', Snapshot).finally(async () => {
        await child.stdin.end();
        await child.exited;
      })),
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let pending = '';
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + text).split('\n');
    pending = lines.pop() ?? '';
    yield* lines;
  }
}
