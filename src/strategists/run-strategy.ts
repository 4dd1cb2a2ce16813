import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { defineStrategy } from './define.ts';

const Order = z.object({ module: z.string(), mark: z.string(), state: z.unknown() });

/** The process of one strategy: reads from standard input which, and writes what it returned in one line that begins with the mark. */
export async function runStrategy(): Promise<number> {
  const { module, mark, state } = Order.parse(JSON.parse(await Bun.stdin.text()));
  const answer = (value: object): Promise<number> =>
    Bun.write(Bun.stdout, `\n${mark} ${JSON.stringify(value)}\n`);
  Bun.plugin({
    name: 'cutover/strategy',
    // In the one-file executable, too, the import works with nothing installed.
    setup: (build) =>
      void build.module('cutover/strategy', () => ({ exports: { defineStrategy }, loader: 'object' })),
  });
  try {
    const loaded = (await import(pathToFileURL(module).href)) as { readonly default?: unknown };
    const write = loaded.default;
    if (typeof write !== 'function') {
      await answer({
        problem: `a default export that is ${write === undefined ? 'absent' : `of type ${typeof write}`}`,
      });
      return 1;
    }
    const steps: unknown = await (write as (state: unknown) => unknown)(frozen(state));
    await answer({ steps: steps ?? null });
    return 0;
  } catch (error) {
    await answer({ problem: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
    return 1;
  }
}

function frozen(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) frozen(part);
    Object.freeze(value);
  }
  return value;
}
