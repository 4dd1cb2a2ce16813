import type { Service } from '../core/service.ts';
import type { Verdict } from '../core/verdict.ts';
import type { Platform } from '../ports/platform.ts';
import type { Router } from '../ports/router.ts';
import type { Drivers } from './drivers.ts';
import type { EngineParts } from './engine-parts.ts';
import { Journal } from './journal.ts';
import { Notifications } from './notifications.ts';
import { patientRouter } from './patient-router.ts';
import type { ProgressBoard } from './progress.ts';
import { Readings } from './readings.ts';
import { RouteOrders } from './route-orders.ts';
import { WayBack } from './way-back.ts';
import { WriteWatch } from './write-watch.ts';

/** What all services of an engine share. */
export interface House {
  readonly parts: EngineParts;
  readonly drivers: Drivers;
  readonly board: ProgressBoard;
  /** Aborted when the engine stops. */
  readonly stop: AbortSignal;
}

/** A service with its log open, and those who look after it. */
export class OpenService {
  readonly orders: RouteOrders;
  readonly readings: Readings;
  readonly writes: WriteWatch;
  readonly notifications: Notifications;
  readonly #wayBack: WayBack;

  private constructor(
    readonly journal: Journal,
    readonly house: House,
  ) {
    const { parts, board, stop } = house;
    const { clock, checker, readPage, notifier } = parts;
    const router = (): Router => this.router;
    this.orders = new RouteOrders(journal, () => patientRouter(router(), clock, stop), readPage);
    this.readings = new Readings(journal.name, router, () => clock.now());
    this.writes = new WriteWatch(journal, router, clock, stop);
    this.#wayBack = new WayBack(checker, clock);
    this.notifications = new Notifications({
      journal,
      clock,
      notifier,
      signal: stop,
      report: (text) => board.report({ service: journal.name, deployment: 0, text }),
    });
    void this.writes.run();
    this.notifications.begin();
  }

  static async open(name: string, house: House): Promise<OpenService> {
    const { store, clock, lease } = house.parts;
    return new OpenService(await Journal.open(name, store, clock, lease), house);
  }

  get name(): string {
    return this.journal.name;
  }

  get service(): Service {
    return this.journal.service;
  }

  get platform(): Platform {
    return this.house.drivers.platform(this.service);
  }

  get router(): Router {
    return this.house.drivers.router(this.service);
  }

  /** As `Engine.verdict`. */
  verdict(fresh: boolean): Promise<Verdict | null> {
    return this.#wayBack.verdict(this.service, this, fresh);
  }

  report(deployment: number, text: string): void {
    this.house.board.report({ service: this.name, deployment, text });
  }
}
