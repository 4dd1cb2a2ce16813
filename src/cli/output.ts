import { createInterface } from 'node:readline/promises';
import type { Surface } from './terminal/region.ts';

/** Where the command line writes: results on the standard output, everything else on the standard error output. */
export interface Output {
  /** One line of the result. */
  readonly line: (text?: string) => void;
  /** One line beside the result: progress, warnings, errors. */
  readonly note: (text: string) => void;
  /** The terminal that the standard output is; null if it is none, or a dumb one. */
  readonly terminal: Surface | null;
  /** Asks whoever sits at the terminal; resolves with whether the answer was yes. Null where nobody does. */
  readonly ask: ((question: string) => Promise<boolean>) | null;
  /** Whether a terminal reads the standard error output. */
  readonly notesAreSeen: boolean;
}

/** A reader that went away (`| head`) ends us as it would end any program: silently, with 128 + SIGPIPE. */
const brokenPipeExit = 141;

/** The output of this process. */
export function processOutput(env: Readonly<Record<string, string | undefined>>): Output {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(brokenPipeExit);
      throw error;
    });
  }
  const { stdin, stdout, stderr } = process;
  return {
    line: (text = '') => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    terminal:
      stdout.isTTY && env['TERM'] !== 'dumb'
        ? {
            write: (text) => void stdout.write(text),
            columns: () => stdout.columns || 80,
            rows: () => stdout.rows || 24,
          }
        : null,
    ask: stdin.isTTY && stdout.isTTY ? askOnTerminal : null,
    notesAreSeen: stderr.isTTY,
  };
}

/** An end of the input, and Ctrl-C, are a no. */
async function askOnTerminal(question: string): Promise<boolean> {
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new AbortController();
  reader.once('close', () => closed.abort());
  reader.once('SIGINT', () => reader.close());
  try {
    const answer = await reader.question(question, { signal: closed.signal });
    return ['y', 'yes'].includes(answer.trim().toLowerCase());
  } catch (error) {
    if (closed.signal.aborted) return false;
    throw error;
  } finally {
    reader.close();
  }
}
