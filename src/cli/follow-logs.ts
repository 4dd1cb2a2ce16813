import type { Colour } from '../core/colour.ts';
import { formatDuration } from '../core/duration-text.ts';
import { CutoverError } from '../core/errors.ts';
import type { LogLine } from '../ports/platform.ts';
import type { Client } from './client.ts';
import { pause } from './interrupt.ts';

const lookEveryMs = 250;
/** How many lines of each instance are asked for at a time. */
const batchLines = 1000;
/** How long a controller may be away (it is restarted, or upgraded) before we stop waiting for it. */
const awayMs = 30_000;

/** What is followed: of these environments, one layer or all, beginning with the last `lines`. */
export interface Followed {
  readonly service: string;
  readonly environments: readonly Colour[];
  readonly layer?: string | undefined;
  readonly lines?: number | undefined;
}

/** Told what the instances wrote, and when the controller goes away or is back. */
export interface LogFollower {
  readonly wrote: (lines: readonly LogLine[], environment: Colour) => void;
  readonly away: (away: boolean) => void;
}

/**
 * Follows what instances write, each line once, until the signal is aborted, whose reason it throws; also over rotations, restarts of instances and of the
 * controller, and other releases. A line is told when it has its end. Throws `controller-absent` if the controller is not there at first, or stays away.
 */
export async function followLogs(
  client: Client,
  { service, environments, layer, lines }: Followed,
  follower: LogFollower,
  signal: AbortSignal,
  waitMs = awayMs,
): Promise<never> {
  const cursors = new Map<Colour, string>();
  for (const environment of environments) {
    const first = await client.logs(service, { environment, layer, lines });
    cursors.set(environment, first.next);
    follower.wrote(
      first.lines.filter(({ unfinished }) => unfinished !== true),
      environment,
    );
  }
  for (let awaySince: number | null = null; ;) {
    signal.throwIfAborted();
    let more = false;
    try {
      for (const [environment, after] of cursors) {
        const next = await client.logs(service, { environment, layer, lines: batchLines, after });
        if (awaySince !== null) follower.away(false);
        awaySince = null;
        cursors.set(environment, next.next);
        follower.wrote(next.lines, environment);
        more ||= next.more;
      }
    } catch (thrown) {
      if (!(thrown instanceof CutoverError) || thrown.code !== 'controller-absent') throw thrown;
      const now = performance.now();
      if (awaySince === null) follower.away(true);
      awaySince ??= now;
      if (now - awaySince > waitMs) throw stayedAway(service, waitMs, thrown);
    }
    if (!more) await pause(lookEveryMs, signal);
  }
}

const stayedAway = (service: string, waitMs: number, cause: CutoverError): CutoverError =>
  new CutoverError(
    'controller-absent',
    `service ${service}: the controller went away and did not come back within ${formatDuration(waitMs)}; its instances go on`,
    { next: 'cutover up starts it; then follow the logs again', cause },
  );
