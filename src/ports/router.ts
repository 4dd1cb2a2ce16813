import type { Caching, Keeping } from '../core/caching.ts';
import type { RouterFit } from '../core/router-fit.ts';
import type { DiffReport } from '../core/mirror/diff-report.ts';
import type { Pass, PassOrder } from '../core/testers.ts';
import type { Applied, Counters, Evicted, Eviction, Route } from '../core/traffic.ts';

/** What a router can do beyond the contract; the planner asks instead of guessing. */
export interface RouterCapabilities extends RouterFit {
  /** It can show the side that is not live on an address of its own. */
  readonly preview: boolean;
  /** It counts requests and failures for each side; without it `counters` has zeros but for `inFlight`, and nothing may be concluded from them. */
  readonly counters: boolean;
  /** It knows how many requests each side has in flight, or a number that is never less and comes to zero soon after. */
  readonly inFlight: boolean;
  /** It knows the same of each instance (`SideCounters.inFlightAt`), also of one that was left out of the route while it had some. */
  readonly instances: boolean;
  /** It can divide the traffic between both sides (`Route.weights`). */
  readonly weights: boolean;
  /** It can hold, refuse or turn away requests (`Route.mode`). */
  readonly modes: boolean;
  /** It can end what is in flight on a side (`evict`). */
  readonly evict: boolean;
  /** It can copy requests to the side that is not live, and compare the answers (`Route.mirror`). */
  readonly mirror: boolean;
  /** Clients keep for a while where it has sent them; absent: a switch is in force for all of them at once. Then it has `keepFor`. */
  readonly caching?: Caching;
}

/**
 * Decides which environment gets a request.
 *
 * Contract (`src/testing/router.suite.ts`):
 * - `apply` replaces the whole route of a service. When it resolves, no new request goes to the side that is not live,
 *   by any worker, and the route survives a restart of the router. It may be called again with the same route: nothing
 *   happens then, and `changed` is false.
 * - With `weights`, if it can, each side gets its part of the requests of users, and one of weight 0 none, by the same barrier as a switch. A
 *   side without instances may have no weight: `not-ready`.
 * - A route may name fewer instances of a side than the one before: the others get no new request then, and finish what they have begun.
 * - With `mode`, if it can, requests of users are met so, by the same barrier; those to the preview go through. A service that is switched as
 *   TCP is open: another mode is `request-invalid`.
 * - A route with an older epoch than the one in force is refused with `stale-epoch`, and so is another route under the same epoch.
 * - A route that cannot be put in force (an address that is taken) is refused with a clear error, and the one in force stays.
 * - With `together`, if it can, `applyTogether` puts routes of several services in force as one, under the rules of `apply` for each: all of them
 *   or none, and by one barrier for all: no request that begins after one that was met by the new route of one of them is met by the former
 *   route of another. What it refuses of one it refuses of all. A crash of the router leaves all or none in force.
 * - A removed service comes back only under an epoch newer than that of its removal.
 * - Port 0 in `listen` or `preview` takes a free port, and keeps the one in force; `read` has the real one.
 * - `evict`, if it can, ends what is in flight on a side that gets no requests of users, each at a moment of its own within `overMs`, told in whatever
 *   way its protocol has, and counts it as `cut`. It resolves when that has been ordered. It may be called again: what was told to end is not
 *   told again. Refused with `request-invalid` for a side that gets requests, and with `stale-epoch` under another epoch than the one in
 *   force. A route by which the side gets requests again ends it.
 * - With `mirror`, if it can, a share of the requests to the live side is copied to the other one once they are answered, and `mirrored` tells what
 *   was found under the mirror's id, also after it was taken out of the route. No user waits for it, and no request is held to begin or end it.
 * - With `caching`, clients who have asked before still go where they were sent then, for as long as they were told; nobody who asks when `apply`
 *   has resolved is sent to the other side. From a route that sends users to another side on, they are told the short time. `counters` has
 *   `requests` then if `caching.observed`, also without the capability `counters`.
 * - `keepFor` settles how long clients keep what they are told from now on; it resolves when no server tells them otherwise, and may be
 *   called again. Refused with `stale-epoch` under an older epoch than the one in force, with `service-unknown` if there is none.
 * - `read` returns what is in force, not what was asked for; null if the service is not known.
 */
export interface Router {
  readonly capabilities: RouterCapabilities;
  /**
   * @param decide to be called by a router of several parts, once, when nothing but a crash can keep the route from coming in force and before any
   *   part goes by it. If it rejects, none does, unless the log says later that it was decided. Others do not call it.
   */
  apply(route: Route, decide?: () => Promise<void>): Promise<Applied>;
  /** Absent where `capabilities.together` is false. The answers are in the order of the routes. */
  applyTogether?(routes: readonly Route[]): Promise<readonly Applied[]>;
  read(service: string): Promise<Route | null>;
  counters(service: string): Promise<Counters>;
  evict(service: string, eviction: Eviction): Promise<Evicted>;
  /** What the mirror with this id has found so far; null if there was none, or its report is gone. */
  mirrored(service: string, id: string): Promise<DiffReport | null>;
  /**
   * Signs a token by which a tester's browser reaches what users do not. Absent: the router has none.
   *
   * @throws CutoverError `service-unknown`; `request-invalid` if the route in force has no `testers.cookie`
   */
  pass?(service: string, order: PassOrder): Promise<Pass>;
  /** How long clients keep what they are told. Absent: they keep nothing. */
  keepFor?(service: string, keeping: Keeping, epoch: number): Promise<{ readonly changed: boolean }>;
  /** Forgets the service and closes its listeners. `epoch` as for `apply`. Idempotent. */
  remove(service: string, epoch: number): Promise<void>;
}
