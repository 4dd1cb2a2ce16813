import { CutoverError } from '../../core/errors.ts';

/** What a program printed, and how it ended. */
export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of the system that talks to the kernel. */
export type Run = (argv: readonly string[], input: string) => Promise<Ended>;

/** Far more than either program takes; a kernel that does not answer is not waited for. */
const longestMs = 10_000;
/** A million connections, or maps of a thousand services. */
const mostBytes = 268_435_456;

/**
 * Runs a program without a shell, with `input` on its standard input.
 *
 * @throws CutoverError `router-absent` if it is not installed, does not end within ten seconds or prints without end
 */
export const runProgram: Run = async (argv, input) => {
  const program = argv.find((word) => ['nft', 'conntrack'].includes(word)) ?? argv[0] ?? '';
  let child;
  try {
    child = Bun.spawn([...argv], {
      stdin: new TextEncoder().encode(input),
      stdout: 'pipe',
      stderr: 'pipe',
      timeout: longestMs,
      killSignal: 'SIGKILL',
      maxBuffer: mostBytes,
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' },
    });
  } catch (cause) {
    throw new CutoverError('router-absent', `expected the program ${argv[0] ?? ''}, found none on the PATH`, {
      next: 'install it: apt install nftables conntrack iproute2',
      cause,
    });
  }
  const [exitCode, stdout, stderr] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ]);
  if (child.signalCode !== null)
    throw new CutoverError(
      'router-absent',
      `${program}: expected it to end within ${longestMs / 1000} s and to print less than ${mostBytes >> 20} MiB, found that it had to be killed`,
      { next: 'run it by hand to see what it waits for' },
    );
  return { exitCode, stdout, stderr };
};
