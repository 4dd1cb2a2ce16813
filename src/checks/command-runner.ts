import { readFile } from 'node:fs/promises';
import { errorRecord } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommandRunner } from '../ports/command.ts';
import { commandCheck } from './command.ts';

/** The kernel takes no longer variable (MAX_ARG_STRLEN). */
const longestValueBytes = 128 * 1024;

/** Why a file holds no value of a variable. */
class NoValue extends Error {
  override readonly name = 'NoValue';
}

async function valueIn(name: string, path: string): Promise<string> {
  const refuse = (found: string): never => {
    throw new NoValue(`expected the value of ${name} in ${path}, found ${found}`);
  };
  const text = await readFile(path, 'utf8').catch((error: unknown) => refuse(errorRecord(error).message));
  if (text.includes('\0')) refuse('a zero byte, which no variable can hold');
  if (Buffer.byteLength(text) > longestValueBytes) refuse(`more than ${longestValueBytes} bytes`);
  return text.replace(/\r?\n$/, '');
}

/** Runs commands by the same rules as the checks of kind `command`. */
export function createCommandRunner({ clock }: { readonly clock: Clock }): CommandRunner {
  return {
    async run(argv, { variables, files = {}, directory }, timeoutMs, signal) {
      let read: Record<string, string>;
      try {
        const entries = Object.entries(files).map(
          async ([name, path]) => [name, await valueIn(name, path)] as const,
        );
        read = Object.fromEntries(await Promise.all(entries));
      } catch (error) {
        if (!(error instanceof NoValue)) throw error;
        return { ok: false, detail: `${argv[0] ?? ''}: ${error.message}`, ms: 0 };
      }
      const place = { variables: { ...variables, ...read }, directory };
      return commandCheck(clock, argv, place, timeoutMs, signal);
    },
  };
}
