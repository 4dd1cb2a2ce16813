import { join } from 'node:path';

/** Whether this is the one-file executable that `bun build --compile` makes: its modules live in a file system of their own. */
const compiled = /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/.test(import.meta.path);

/**
 * The words that start this program again, whatever it was started by: the one-file executable alone, or Bun with the entry of
 * the checkout. Paths are absolute, so that the working directory does not matter.
 */
export const selfCommand = (): string[] =>
  compiled ? [process.execPath] : [process.execPath, join(import.meta.dir, 'main.ts')];
