import type { Address } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import { ExchangeSlot } from './exchange-slot.ts';
import { allot, defaultMix, type Mix } from './mix.ts';
import { Pacer } from './pacer.ts';
import { kinds, type Kind, type Profile } from './profile.ts';
import { Random } from './random.ts';
import { shopProfile } from './shop-profile.ts';
import type { Setting, Slot } from './slot.ts';
import type { Counts, Mark, Snapshot } from './snapshot.ts';
import { Tally } from './tally.ts';
import { TunnelSlot } from './tunnel-slot.ts';

export interface LoadOptions {
  readonly target: Address;
  readonly connections: number;
  /** Default: `defaultMix`. */
  readonly mix?: Mix;
  /** Requests a second, tunnels not counted; null (default): each connection asks again as soon as it was answered. */
  readonly rate?: number | null;
  /** The same seed asks for the same things. */
  readonly seed: number;
  /** For one request or message; default 30,000. */
  readonly timeoutMs?: number;
  /** Whom the load speaks to; default: the example shop. */
  readonly profile?: Profile;
}

/** A load that is running. */
export interface Load {
  snapshot(): Snapshot;
  /** A moment that `begunAfter` can be asked about. */
  mark(): Mark;
  /** Who answered the requests that were sent after the mark. */
  begunAfter(mark: Mark): Counts;
  /** Finishes what is in flight, closes all connections; resolves with the last snapshot. May be called again. */
  stop(): Promise<Snapshot>;
}

/** Begins at once. What fails is counted, never thrown. Throws `usage` for a mix that leaves nothing to do. */
export function startLoad(options: LoadOptions): Load {
  const { target, connections, seed, rate = null } = options;
  const profile = options.profile ?? shopProfile(target, seed);
  const tally = new Tally();
  const pacer = new Pacer(rate);
  const setting: Setting = { target, profile, tally, pacer, timeoutMs: options.timeoutMs ?? 30_000 };
  const mix = possible(options.mix ?? defaultMix, profile);
  const slots = allot(connections, mix).map((kind, index) => makeSlot(kind, index, seed, setting));
  if (slots.length === 0)
    throw new CutoverError(
      'usage',
      'load: expected connections and a kind that the profile can do, found none',
    );

  for (const slot of slots) slot.start();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    for (const slot of slots) slot.check(nowMs);
  }, 100);
  let stopped: Promise<Snapshot> | null = null;
  const stop = async (): Promise<Snapshot> => {
    for (const slot of slots) slot.stop();
    pacer.stop();
    await Promise.all(slots.map((slot) => slot.finished));
    clearInterval(timer);
    return tally.snapshot();
  };
  return {
    snapshot: () => tally.snapshot(),
    mark: () => tally.mark(),
    begunAfter: (mark) => tally.begunAfter(mark),
    stop: () => (stopped ??= stop()),
  };
}

/** The mix without the kinds that the profile cannot do. */
function possible(mix: Mix, profile: Profile): Mix {
  const can = (kind: Kind): boolean =>
    kind === 'websocket' ? profile.tunnel !== null : profile.exchanges[kind] !== undefined;
  return Object.fromEntries(kinds.filter(can).map((kind) => [kind, mix[kind] ?? 0]));
}

function makeSlot(kind: Kind, index: number, seed: number, setting: Setting): Slot {
  const { profile } = setting;
  const place = { index, random: new Random(seed * 7919 + index) };
  if (kind === 'websocket') {
    if (profile.tunnel) return new TunnelSlot(profile.tunnel, place, setting);
  } else {
    const next = profile.exchanges[kind]?.(place);
    if (next) return new ExchangeSlot(kind, next, setting);
  }
  throw new CutoverError('internal', `load: the profile cannot do ${kind}`);
}
