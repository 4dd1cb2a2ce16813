import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Whether this is the one-file executable that `bun build --compile` makes: its modules live in a file system of their own. */
export const isCompiled = /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/.test(import.meta.path);

/** In a checkout the modules are files of their own; on a host that was reached by SSH they are one file. */
export const entry = join(import.meta.dir, 'main.ts');

/**
 * The words that start this program again, whatever it was started by: the one-file executable alone, or Bun with the entry of
 * the checkout. Paths are absolute, so that the working directory does not matter.
 */
export const selfCommand = (): string[] =>
  isCompiled ? [process.execPath] : [process.execPath, existsSync(entry) ? entry : Bun.main];
