import type { Colour } from '../core/colour.ts';
import { CutoverError } from '../core/errors.ts';
import type { ServiceEvent } from '../core/event.ts';
import { expectModeFor, modeOf, sameMode, type Mode, type ModeOrder } from '../core/mode.ts';
import type { Page } from '../core/page.ts';
import { expectModes } from '../core/router-fit.ts';
import { fileOf, routeOf, sameRoute } from '../core/route.ts';
import { current, divisionInForce, modeInForce, releaseOf, type Service } from '../core/service.ts';
import { Turn } from '../core/turn.ts';
import type { Router } from '../ports/router.ts';
import { LogUnwritable, type Journal } from './journal.ts';

/** A mode that is in force, and what it took to get there. */
export interface ModeChange {
  readonly mode: Mode;
  /** False if it was in force already: nothing was recorded then. */
  readonly changed: boolean;
  /** Under which it is in force; null while nothing is live, or a set is about to switch: the switch takes the mode along. */
  readonly epoch: number | null;
  readonly holdMs: number;
  readonly held: number;
}

/** Who orders a mode, and why. */
export interface ModeSetter {
  readonly by: string;
  readonly reason: string | null;
}

/**
 * What the router of one service is told, one order after the other: an epoch is given out by the log and taken to the router before the
 * next one is given out, so that no order of ours makes another of ours stale.
 */
export class RouteOrders {
  readonly #turn = new Turn();

  constructor(
    private readonly journal: Journal,
    private readonly router: () => Router,
    private readonly readPage: (path: string) => Page,
  ) {}

  /** Does what gives out an epoch and takes it to the router, when no other such act is under way. */
  inTurn<T>(act: () => Promise<T>): Promise<T> {
    return this.#turn.take(act);
  }

  /** Tells the router what the log says, if it says something else: after it has lost its table, say. Does nothing otherwise. */
  reassert(): Promise<void> {
    return this.inTurn(() => this.#assert());
  }

  async #assert(): Promise<void> {
    const { service, name } = this.journal;
    const { routed, epoch } = service;
    if (service.live === null || routed === null) return;
    const router = this.router();
    const found = await router.read(name);
    // Where the traffic goes while a deployment is under way is for its own steps to say; what it was told before is not forgotten meanwhile.
    const forgotten = found === null && service.live === routed;
    if (current(service) && found?.live !== routed && !forgotten) return;
    if (found && sameRoute(found, routeOf(service, routed, Math.max(1, epoch)))) return;
    const after = await this.journal.append((now) => [ordered(now, routed)]);
    await router.apply(routeOf(after, routed, after.epoch), () => this.#decide(after.epoch));
  }

  /**
   * Records a mode and puts it in force; resolves when no request is met in another way any more. The same mode again records nothing.
   *
   * @throws CutoverError `request-invalid` for a service that is switched as TCP; `page-invalid` for the spec's page; what the router
   *   threw: the mode is on record then, and is put in force as soon as the router answers
   */
  setMode(order: ModeOrder, { by, reason }: ModeSetter): Promise<ModeChange> {
    return this.inTurn(async () => {
      const { service, name } = this.journal;
      const side = service.routed ?? service.live;
      const release =
        releaseOf(service, (side && service.environments[side].release) ?? service.releases.length) ?? null;
      if (!release) throw new Error(`service ${name} has no release`);
      const { modes, protocol } = release.spec.router;
      expectModeFor(name, protocol, order.mode);
      if (order.mode !== 'open') expectModes(name, release.spec.router.driver, this.router().capabilities);
      const page =
        order.mode === 'closed' && order.page === undefined && modes.page !== undefined
          ? this.readPage(fileOf(release, modes.page))
          : null;
      const mode = modeOf(order, modes, page);
      const inForce = modeInForce(service);
      if (sameMode(inForce, mode) && (inForce !== undefined || mode.mode === 'open')) {
        await this.#assert();
        const { live, epoch } = this.journal.service;
        return { mode, changed: false, epoch: live === null ? null : epoch, holdMs: 0, held: 0 };
      }
      const after = await this.#record(mode, { by, reason });
      if (after.live === null || after.routed === null || isMoving(after))
        return { mode, changed: true, epoch: null, holdMs: 0, held: 0 };
      const { holdMs, held } = await this.#putInForce(after, after.routed);
      return { mode, changed: true, epoch: after.epoch, holdMs, held };
    });
  }

  async #decide(epoch: number): Promise<void> {
    await this.journal.append(() => [{ type: 'route-decided', epoch }]);
  }

  async #record(mode: Mode, { by, reason }: ModeSetter): Promise<Service> {
    try {
      return await this.journal.append((now) => {
        const events: ServiceEvent[] = [{ type: 'mode-set', mode, by, reason }];
        if (now.live !== null && now.routed !== null && !isMoving(now)) events.push(ordered(now, now.routed));
        return events;
      });
    } catch (error) {
      throw error instanceof LogUnwritable && error.cause instanceof CutoverError ? error.cause : error;
    }
  }

  async #putInForce(service: Service, live: Colour): Promise<{ holdMs: number; held: number }> {
    try {
      return await this.router().apply(routeOf(service, live, service.epoch), () =>
        this.#decide(service.epoch),
      );
    } catch (error) {
      if (!(error instanceof CutoverError) || !['proxy-absent', 'router-absent'].includes(error.code))
        throw error;
      throw new CutoverError(
        error.code,
        `service ${service.name}: the mode is on record and is put in force when the proxy answers; now ${error.message}`,
        { cause: error, ...(error.next !== undefined && { next: error.next }) },
      );
    }
  }
}

/**
 * Whether a set that the service is in was ordered to move and is not known to have done so: it takes the mode along when it does, at one moment
 * with the others.
 */
const isMoving = (service: Service): boolean =>
  current(service)?.set !== undefined && service.routed !== service.live;

/** Where the traffic goes, and how it is divided, stays as it is. */
function ordered(service: Service, live: Colour): ServiceEvent {
  const epoch = service.epoch + 1;
  return { type: 'route-ordered', deployment: null, epoch, live, ...divisionInForce(service) };
}
