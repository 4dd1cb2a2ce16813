import { z } from 'zod';
import { CutoverError } from '../errors.ts';
import { Route } from '../traffic.ts';

/** One try of a controller to put an epoch in force at several proxies. A later one makes what is said of an earlier one stale. */
export const Turn = z.strictObject({ epoch: z.int().min(0), attempt: z.int().min(0) });
export type Turn = z.infer<typeof Turn>;

/**
 * Where one of several proxies stands with a service, beside the route in force. It is on disk before anything is answered that depends on it.
 *
 *   in force ── prepare ──► prepared ── hold ──► promised ── commit ──► in force, by the new route
 *       ▲                      │                     │
 *       └────── release ───────┴────── release ──────┘
 *
 * `promised` is the promise to begin nothing by the route in force until it is told what was decided. It lasts longer than the hold does.
 */
export const Standing = z.object({
  service: z.string().min(1).max(40),
  /** What is not newer than this is over: it was decided one way or the other. */
  floor: Turn,
  /** Without a route the service does not enter here any more by it. */
  prepared: z.object({ turn: Turn, route: Route.nullable() }).nullable(),
  promised: Turn.nullable(),
  /** Since which epoch the service does not enter here any more; 0: it does, or never did. */
  gone: z.int().min(0),
});
export type Standing = Readonly<z.infer<typeof Standing>>;

/** The epoch by which a proxy goes. */
export const epochOf = (standing: Standing, route: Route | null | undefined): number =>
  route?.epoch ?? standing.gone;

export const newStanding = (service: string): Standing => ({
  service,
  floor: { epoch: 0, attempt: 0 },
  prepared: null,
  promised: null,
  gone: 0,
});

/** Below zero if `a` is older than `b`. */
export const compareTurns = (a: Turn, b: Turn): number => a.epoch - b.epoch || a.attempt - b.attempt;
const words = ({ epoch, attempt }: Turn): string => `epoch ${epoch}, try ${attempt}`;

function stale(service: string, turn: Turn, found: string): CutoverError {
  return new CutoverError(
    'stale-epoch',
    `service ${service}: expected an order newer than what is known, found one of ${words(turn)}: ${found}`,
    {
      next: 'read what is in force and decide anew (cutover status)',
      detail: { service, asked: turn.epoch },
    },
  );
}

function expectNewer({ service }: Standing, inForce: number, turn: Turn): void {
  if (turn.epoch < inForce) throw stale(service, turn, `epoch ${inForce} is in force`);
}

/**
 * With a route that is ready to come in force. May be said again.
 *
 * @param inForce as `epochOf`
 * @param decided the others go by it already: what was tried after it, and came to nothing, does not keep this one from it
 * @throws CutoverError `stale-epoch`; `not-ready` while it is not known what became of an earlier promise
 */
export function prepared(
  standing: Standing,
  inForce: number,
  turn: Turn,
  route: Route | null,
  decided: boolean,
): Standing {
  expectNewer(standing, inForce, turn);
  const { service, promised, floor } = standing;
  if (!decided && compareTurns(turn, floor) <= 0) throw stale(service, turn, `${words(floor)} is over`);
  if (!decided && standing.prepared && compareTurns(turn, standing.prepared.turn) < 0)
    throw stale(service, turn, `${words(standing.prepared.turn)} is prepared`);
  if (promised && compareTurns(promised, turn) !== 0)
    throw new CutoverError(
      'not-ready',
      `service ${service}: expected to know what became of ${words(promised)}, found it undecided here`,
      { next: 'tell it first: commit or release' },
    );
  if (promised) return standing;
  return { ...standing, prepared: { turn, route } };
}

/**
 * With the promise to begin nothing by the route in force. May be said again.
 *
 * @throws CutoverError `stale-epoch`; `not-ready` if this turn was not prepared
 */
export function promised(standing: Standing, inForce: number, turn: Turn): Standing {
  expectNewer(standing, inForce, turn);
  expectPrepared(standing, turn);
  return { ...standing, promised: turn };
}

/**
 * With the prepared route as the one in force; `route` is that. Null if it is in force already.
 *
 * @throws CutoverError `stale-epoch`; `not-ready` if this turn was not prepared
 */
export function committed(
  standing: Standing,
  inForce: number,
  turn: Turn,
): { readonly standing: Standing; readonly route: Route | null } | null {
  if (inForce === turn.epoch) return null;
  expectNewer(standing, inForce, turn);
  const { route } = expectPrepared(standing, turn);
  const gone = route === null ? turn.epoch : 0;
  const floor = compareTurns(turn, standing.floor) < 0 ? standing.floor : turn;
  return { standing: { ...standing, floor, prepared: null, promised: null, gone }, route };
}

/**
 * As it was before the turn, which is over: nothing of it can come in force any more. Of one that is over already nothing changes, and a promise of an
 * earlier turn stays: what became of that one is not said by this.
 */
export function released(standing: Standing, turn: Turn): Standing {
  const { floor, prepared, promised } = standing;
  if (compareTurns(turn, floor) <= 0 || (promised && compareTurns(promised, turn) < 0)) return standing;
  return {
    ...standing,
    floor: turn,
    prepared: prepared && compareTurns(prepared.turn, turn) > 0 ? prepared : null,
    promised: promised && compareTurns(promised, turn) > 0 ? promised : null,
  };
}

function expectPrepared(standing: Standing, turn: Turn): { readonly route: Route | null } {
  const { prepared, service } = standing;
  if (prepared && compareTurns(prepared.turn, turn) === 0) return prepared;
  throw new CutoverError(
    'not-ready',
    `service ${service}: expected ${words(turn)} to be prepared here, found ${prepared ? words(prepared.turn) : 'nothing'}`,
    { next: 'prepare it first' },
  );
}

/** What a crash between two files left: what is in force is decided. */
export const settled = (standing: Standing, inForce: number): Standing =>
  standing.prepared && standing.prepared.turn.epoch <= inForce
    ? { ...standing, floor: standing.prepared.turn, prepared: null, promised: null }
    : standing;
