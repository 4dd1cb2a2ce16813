import { CutoverError } from '../../core/errors.ts';
import type { StatusView } from '../../server/api.ts';
import type { Client } from '../client.ts';
import { connect, noteOtherVersion } from '../connect.ts';
import { interruptible, pause } from '../interrupt.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { errorLines } from '../render/error.ts';
import { statusLines } from '../render/status.ts';
import { Screen } from '../terminal/screen.ts';
import { errorRecord } from '../../core/errors.ts';
import { expectNoService, statusSet } from './set.ts';

export interface StatusOptions {
  readonly watch?: boolean;
  readonly set?: string;
}

const watchMs = 1000;
const frameMs = 250;

/** What runs where, who is live, and what is under way. */
export async function status(
  invocation: Invocation,
  service: string | undefined,
  { watch = false, set }: StatusOptions,
): Promise<number> {
  if (set !== undefined) {
    expectNoService(service, set);
    if (watch) throw new CutoverError('usage', '--watch is for services, and not with --set');
    return statusSet(invocation, set);
  }
  const client = connect(invocation);
  if (watch) return watched(invocation, client, service);
  const view = await look(client, service);
  if (invocation.json) {
    answerJson(invocation, view);
    return 0;
  }
  noteOtherVersion(invocation, view);
  for (const line of statusLines(view, { now: Date.now(), paint: invocation.paint }))
    invocation.output.line(line);
  return 0;
}

/** The status, of one service if one is named; throws `service-unknown` if it is not there. */
async function look(client: Client, service: string | undefined): Promise<StatusView> {
  const view = await client.status();
  if (service === undefined) return view;
  const services = view.services.filter(({ name }) => name === service);
  if (services.length === 0) {
    const known = view.services.map(({ name }) => name);
    throw new CutoverError(
      'service-unknown',
      `expected a service that was deployed before, found ${service}, which never was`,
      {
        next: known.length > 0 ? `known services: ${known.join(', ')}` : 'cutover deploy makes the first one',
      },
    );
  }
  return { ...view, services };
}

/** Draws the status over and over on a terminal until Ctrl-C; elsewhere, one after another. */
async function watched(invocation: Invocation, client: Client, service: string | undefined): Promise<number> {
  const { output, paint, json } = invocation;
  const { terminal } = output;
  if (json || !terminal) {
    throw new CutoverError(
      'usage',
      `--watch: expected a terminal to draw on, found ${json ? '--json' : 'none'}`,
      {
        next: 'ask again as often as you like with cutover status --json',
      },
    );
  }
  const screen = new Screen(terminal);
  let seen: StatusView | null = null;
  let trouble: unknown = null;
  const draw = (): void => {
    const now = Date.now();
    const lines = seen === null ? [] : statusLines(seen, { now, paint });
    if (trouble !== null) lines.push('', ...errorLines(errorRecord(trouble), paint));
    screen.draw([...lines, '', paint.dim('Ctrl-C ends')]);
  };
  // The first look fails as it would without --watch: before the screen is taken.
  seen = await look(client, service);
  await interruptible(async (signal) => {
    process.on('SIGWINCH', draw);
    const timer = setInterval(draw, frameMs);
    try {
      for (;;) {
        draw();
        await pause(watchMs, signal);
        try {
          seen = await look(client, service);
          trouble = null;
        } catch (error) {
          // Shown; the next look may find it well again.
          trouble = error;
        }
      }
    } finally {
      clearInterval(timer);
      process.off('SIGWINCH', draw);
      screen.leave();
    }
  });
  return 0;
}
