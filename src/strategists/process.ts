import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { CutoverError } from '../core/errors.ts';
import type { Strategist } from '../ports/strategist.ts';

const timeoutMs = 10_000;
const longestAnswerBytes = 1024 * 1024;
const keptLines = 20;

/** What the process gets of the controller's own environment; no secret is among it. */
const passedOn = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'] as const;

/**
 * Runs each strategy in a process of its own, which ends with it and with all that it started.
 *
 * @param command the words that start the process (`runStrategy`)
 */
export const createProcessStrategist = (command: readonly string[], limitMs = timeoutMs): Strategist => ({
  async write(module, state) {
    const mark = randomUUID();
    const failed = (found: string, output: readonly string[] = []): CutoverError =>
      new CutoverError(
        'strategy-failed',
        `strategy ${module}: expected a function that writes steps, found ${found}`,
        {
          next: 'mend the strategy; docs/strategies.md has an example',
          ...(output.length > 0 && { detail: { output: output.slice(-keptLines) } }),
        },
      );
    const child = Bun.spawn([...command], {
      cwd: dirname(module),
      env: Object.fromEntries(
        passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
      ),
      stdin: new Blob([JSON.stringify({ module, state, mark })]),
      stdout: 'pipe',
      stderr: 'pipe',
      // A group of its own, so that nothing that it starts is left.
      detached: true,
    });
    let late = false;
    const end = (): void => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    };
    const timer = setTimeout(() => {
      late = true;
      end();
    }, limitMs);
    try {
      const [out, err] = await Promise.all([
        bounded(child.stdout, longestAnswerBytes, end),
        bounded(child.stderr, longestAnswerBytes, end),
        child.exited,
      ]);
      const lines = [...out.text.split('\n'), ...err.text.split('\n')].filter((line) => line !== '');
      const answer = lines.find((line) => line.startsWith(`${mark} `));
      const printed = lines.filter((line) => !line.startsWith(`${mark} `));
      if (late) throw failed(`none within ${limitMs / 1000} s`, printed);
      if (out.cut || err.cut) throw failed(`more than ${longestAnswerBytes} bytes of output`, printed);
      if (answer === undefined)
        throw failed(
          child.signalCode === null
            ? `that it ended with exit code ${child.exitCode}`
            : `signal ${child.signalCode}`,
          printed,
        );
      const value: unknown = JSON.parse(answer.slice(mark.length + 1));
      if (typeof value !== 'object' || value === null) throw failed('no answer', printed);
      if ('problem' in value) throw failed(String(value.problem), printed);
      return 'steps' in value ? value.steps : undefined;
    } finally {
      clearTimeout(timer);
      end();
    }
  },
});

async function bounded(
  stream: ReadableStream<Uint8Array>,
  most: number,
  stop: () => void,
): Promise<{ text: string; cut: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let cut = false;
  for await (const chunk of stream) {
    if (size + chunk.length > most) {
      cut = true;
      stop();
      break;
    }
    size += chunk.length;
    chunks.push(chunk);
  }
  return { text: Buffer.concat(chunks).toString('utf8'), cut };
}
