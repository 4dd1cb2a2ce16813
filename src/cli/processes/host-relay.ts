import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { RelayOrder } from '../../platforms/host/relay-lines.ts';
import { selfCommand } from '../self.ts';
import { say, type HostPlace } from './host-place.ts';

/** How long one that is started, or is told to leave, may take: it adopts what runs. */
const patienceMs = 20_000;
const lookMs = 20;
/** One that ends by itself would do so again. */
const mostStarts = 3;
const answerMs = 5_000;
const logTailLines = 10;

const logOf = (home: string): string => join(home, 'agent/host.log');

/** Sees to it that the one who stays is of this program. */
async function ensure(place: HostPlace): Promise<void> {
  const end = performance.now() + patienceMs;
  let child: Child | undefined;
  let starts = 0;
  for (;;) {
    const found = await identityAt(place.socket);
    if (found === place.identity) return;
    if (found !== null)
      await ask(place.socket, 'leave', '{}', answerMs).catch(() => undefined); // It may be gone before it has answered.
    else if (child === undefined || child.hasEnded()) {
      // Of several that are started at once one stays; the others end by themselves.
      if (++starts > mostStarts) throw notUp(place, child);
      child = start(place);
    }
    if (performance.now() > end) throw notUp(place, child);
    await Bun.sleep(lookMs);
  }
}

interface Child {
  readonly hasEnded: () => boolean;
}

function start({ home, advertise, program }: HostPlace): Child {
  mkdirSync(join(home, 'agent'), { recursive: true, mode: 0o700 });
  const log = openSync(logOf(home), 'a', 0o600);
  try {
    const words = ['host', 'serve', '--home', home, '--advertise', advertise, '--program', program];
    let hasEnded = false;
    const child = Bun.spawn([...selfCommand(), ...words], {
      // A session of its own: that of SSH ends before it.
      detached: true,
      cwd: home,
      stdio: ['ignore', log, log],
      onExit: () => {
        hasEnded = true;
      },
    });
    child.unref();
    return { hasEnded: () => hasEnded };
  } finally {
    closeSync(log);
  }
}

function notUp({ home }: HostPlace, child: Child | undefined): CutoverError {
  const found = child?.hasEnded() === true ? 'that it ended' : `no answer in ${patienceMs / 1000} s`;
  let lines: string[] = [];
  try {
    lines = readFileSync(logOf(home), 'utf8').trimEnd().split('\n').slice(-logTailLines);
  } catch {
    // Without a log there is nothing to show.
  }
  return new CutoverError(
    'agent-absent',
    `expected the program to stay in ${home}, found ${found}: ${lines.join(' ⏎ ')}`,
  );
}

/** Who stays at a socket; null if nobody does. */
async function identityAt(socket: string): Promise<string | null> {
  try {
    const { text } = await ask(socket, 'identity', '{}', answerMs);
    return z.object({ identity: z.string() }).parse(JSON.parse(text)).identity;
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError) return '';
    return null;
  }
}

async function ask(
  socket: string,
  name: string,
  body: string | ReadableStream<Uint8Array>,
  timeoutMs?: number,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://host/v1/${name}`, {
    unix: socket,
    method: 'POST',
    body,
    ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
  });
  return { status: response.status, text: await response.text() };
}

/** Hands on orders, line by line, until there are no more. */
export async function relay(place: HostPlace): Promise<void> {
  await ensure(place);
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
  const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
  const failed = Promise.withResolvers<never>();
  const end = (async () => {
    for await (const line of lines) {
      const { id, name, order } = RelayOrder.parse(JSON.parse(line));
      void ask(place.socket, name, JSON.stringify(order ?? {})).then(
        (answer) => process.stdout.write(`${JSON.stringify({ id, ...answer })}\n`),
        // Whoever stayed is gone: the next session starts another.
        (error: unknown) => failed.reject(error),
      );
    }
  })();
  try {
    await Promise.race([end, failed.promise]);
  } catch (error) {
    say(`what obeys here is gone: ${errorRecord(error).message}`);
  }
  // What is still being done is done by the one who stays; there is nobody to tell it to.
  process.exit();
}

/** Hands on content. */
export async function receive({ socket }: HostPlace, order: string): Promise<void> {
  const answer = await ask(socket, order, Bun.stdin.stream());
  process.stdout.write(`${JSON.stringify({ id: 0, ...answer })}\n`);
}
