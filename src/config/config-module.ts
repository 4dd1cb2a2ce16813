import { pathToFileURL } from 'node:url';
import { defineConfig } from './define.ts';

/** Longer than any sensible function needs to make a spec; one that never ends would hang the command without a word. */
const functionTimeoutMs = 30_000;

/** A `cutover.config.ts` that could not be read; the message is a clause that begins with "expected". */
export class ConfigModuleError extends Error {}

let named = false;

/**
 * What a `cutover.config.ts` exports by default; if that is a function, what it returns. The file is read anew each
 * time; files that it imports are not. Throws ConfigModuleError.
 */
export async function readConfigModule(file: string): Promise<unknown> {
  if (!named) {
    named = true;
    // In the one-file executable, too, `import { defineConfig } from 'cutover/config'` works with nothing installed.
    Bun.plugin({
      name: 'cutover/config',
      setup: (build) =>
        void build.module('cutover/config', () => ({ exports: { defineConfig }, loader: 'object' })),
    });
  }
  delete require.cache[file]; // Of modules, too: Bun keeps both kinds there.
  let exported: unknown;
  try {
    const loaded = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
    exported = loaded.default;
  } catch (error) {
    throw new ConfigModuleError(`expected a module that loads, found ${oneLine(error)}`, { cause: error });
  }
  if (exported === undefined)
    throw new ConfigModuleError('expected a default export: a spec, or a function that returns one');
  if (typeof exported !== 'function') return exported;
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => limit.reject(new Error(`no answer within ${functionTimeoutMs / 1000}s`)),
    functionTimeoutMs,
  );
  try {
    return await Promise.race([Promise.resolve((exported as () => unknown)()), limit.promise]);
  } catch (error) {
    throw new ConfigModuleError(`expected a function that returns a spec, found ${oneLine(error)}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

const oneLine = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).split('\n', 1)[0] ?? '';
