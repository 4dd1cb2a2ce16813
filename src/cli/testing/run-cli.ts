import { selfCommand } from '../self.ts';

export interface Ran {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The environment of a run: ours, without what would change colours or the home directory. */
function surroundings(env: Readonly<Record<string, string>> = {}): Record<string, string | undefined> {
  const { NO_COLOR: _no, FORCE_COLOR: _force, CUTOVER_HOME: _home, ...rest } = process.env;
  return { ...rest, TERM: 'xterm-256color', ...env };
}

/** Runs the real command line as a process of its own, to its end. */
export async function runCli(words: readonly string[], { cwd, env }: CliOptions): Promise<Ran> {
  const child = Bun.spawn([...selfCommand(), ...words], {
    cwd,
    env: surroundings(env),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout, stderr };
}

export interface OnTerminal {
  readonly child: Bun.Subprocess;
  /** Everything that was written to the terminal so far. */
  readonly text: () => string;
  /** Resolves when what was written fits. */
  readonly until: (fits: (text: string) => boolean) => Promise<void>;
}

/** Runs the real command line on a terminal of its own. */
export function cliOnTerminal(
  words: readonly string[],
  { cwd, env }: CliOptions,
  columns = 100,
  rows = 40,
): OnTerminal {
  let written = '';
  const waiting = new Set<() => void>();
  const decoder = new TextDecoder();
  const child = Bun.spawn([...selfCommand(), ...words], {
    cwd,
    env: surroundings(env),
    timeout: 20_000,
    terminal: {
      cols: columns,
      rows,
      data(_terminal, bytes) {
        written += decoder.decode(bytes, { stream: true });
        for (const look of [...waiting]) look();
      },
    },
  });
  const until = (fits: (text: string) => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        waiting.delete(look);
        reject(
          new Error(`the terminal never showed what was waited for; it shows ${JSON.stringify(written)}`),
        );
      }, 10_000);
      const look = (): void => {
        if (!fits(written)) return;
        clearTimeout(late);
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { child, text: () => written, until };
}
