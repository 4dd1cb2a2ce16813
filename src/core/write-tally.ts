import type { Colour } from './colour.ts';
import type { Weighed } from './deployment.ts';
import type { Counters } from './traffic.ts';

/**
 * How many writes the side that is live has answered since it got the traffic, as far as it was counted. The router's counters end with
 * the router; what was seen of them is in the log, so that the tally goes on when another begins at 0.
 */
export interface WriteTally {
  readonly side: Colour;
  /** When the traffic came, in milliseconds since 1970. */
  readonly since: number;
  /** The router that counts; null: none that was seen yet. */
  readonly bootId: string | null;
  /** What it had counted when it was first seen for this tally, and when it was last seen. */
  readonly base: number;
  readonly seen: number;
  /** Counted by routers that are gone. */
  readonly before: number;
  /** A router ended, or none was asked: there may have been more. */
  readonly atLeast: boolean;
}

/** What is known of the writes since the switch. */
export interface KnownWrites {
  readonly count: number;
  readonly atLeast: boolean;
}

/**
 * The tally of a side that has got all the traffic.
 *
 * @param first when it got a part of the traffic before, if it did: what it has answered since is counted
 * @param counters at the moment of the switch; undefined: the router does not count, or did not answer
 */
export function tallyFrom(
  side: Colour,
  since: number,
  first: Pick<Weighed, 'bootId' | 'counts'> | undefined,
  counters: Counters | undefined,
): WriteTally {
  const base = first?.counts[side].writes ?? counters?.[side].writes ?? 0;
  const tally: WriteTally = {
    side,
    since,
    bootId: first?.bootId ?? counters?.bootId ?? null,
    base,
    seen: base,
    before: 0,
    atLeast: counters === undefined,
  };
  return counters && first
    ? withCount(tally, { bootId: counters.bootId, writes: counters[side].writes })
    : tally;
}

/** The tally after another look at the router: `writes` is its own counter of the side. */
export function withCount(
  tally: WriteTally,
  { bootId, writes }: { readonly bootId: string; readonly writes: number },
): WriteTally {
  if (bootId === tally.bootId) return { ...tally, seen: Math.max(tally.seen, writes) };
  // What it had counted by the switch is not known: only what it counts from here on is surely since.
  if (tally.bootId === null) return { ...tally, bootId, base: writes, seen: writes };
  return {
    ...tally,
    bootId,
    base: 0,
    seen: writes,
    before: tally.before + tally.seen - tally.base,
    // Between the last look and the end of the router before, some may have been answered.
    atLeast: true,
  };
}

/** What is known, with the router's counters as they are now; null: it does not answer, or does not count. */
export function knownWrites(tally: WriteTally | null, counters: Counters | null): KnownWrites {
  if (!tally) return { count: 0, atLeast: true };
  const now = counters
    ? withCount(tally, { bootId: counters.bootId, writes: counters[tally.side].writes })
    : tally;
  return { count: now.before + now.seen - now.base, atLeast: now.atLeast || counters === null };
}

/**
 * Whether what is counted now is worth a line in the log: the first write, a tenth more, or another router. So the log grows with the
 * logarithm of the writes.
 */
export function worthRecording(tally: WriteTally, counters: Counters): boolean {
  if (counters.bootId !== tally.bootId) return true;
  const recorded = tally.before + tally.seen - tally.base;
  const now = knownWrites(tally, counters).count;
  return now > recorded && now * 10 >= recorded * 11;
}
