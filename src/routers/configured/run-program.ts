import { CutoverError } from '../../core/errors.ts';

/** How a program ended, with the end of what it printed. */
export interface ProgramEnd {
  /** Null: it was killed, for want of time. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly output: readonly string[];
}

const mostBytes = 1_048_576;
const tailLines = 20;
/** Once it has ended, only a process that it left behind can hold the outputs open; its words are not waited for longer. */
const outputMs = 100;

async function collect(stream: ReadableStream<Uint8Array>, into: Uint8Array[]): Promise<void> {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes <= mostBytes) into.push(chunk);
  }
}

/**
 * Runs a program to its end, without a shell.
 *
 * @param input what it reads from its standard input
 * @throws CutoverError `router-refused` if it cannot be started
 */
export async function runProgram(
  argv: readonly string[],
  options: { timeoutMs: number; input?: string; env?: Record<string, string>; cwd?: string },
): Promise<ProgramEnd> {
  const { timeoutMs, input, env, cwd } = options;
  const spawn = () =>
    Bun.spawn([...argv], {
      // Debian keeps haproxy and nginx where only root looks.
      env: { ...process.env, PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`, ...env },
      ...(cwd === undefined ? {} : { cwd }),
      stdio: [input === undefined ? 'ignore' : Buffer.from(input), 'pipe', 'pipe'],
    });
  let child: ReturnType<typeof spawn>;
  try {
    child = spawn();
  } catch (cause) {
    throw new CutoverError(
      'router-refused',
      `the program ${argv[0] ?? ''} could not be started: ${cause instanceof Error ? cause.message : String(cause)}`,
      { next: 'install it, or name it with its whole path under router', cause },
    );
  }
  const [out, err]: [Uint8Array[], Uint8Array[]] = [[], []];
  const collected = Promise.all([collect(child.stdout, out), collect(child.stderr, err)]);
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  await child.exited;
  clearTimeout(timer);
  await Promise.race([collected, Bun.sleep(outputMs)]);
  const text = (chunks: Uint8Array[]): string => Buffer.concat(chunks).toString('utf8');
  const lines = `${text(err)}\n${text(out)}`.split('\n').filter((line) => line.trim() !== '');
  return { exitCode: child.exitCode, stdout: text(out), output: lines.slice(-tailLines) };
}
