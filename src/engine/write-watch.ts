import { other } from '../core/colour.ts';
import { errorRecord } from '../core/errors.ts';
import { fleetBefore } from '../core/fleet.ts';
import type { Service } from '../core/service.ts';
import { worthRecording } from '../core/write-tally.ts';
import type { Clock } from '../ports/clock.ts';
import type { Router } from '../ports/router.ts';
import { LogUnwritable, type Journal } from './journal.ts';

const everyMs = 2000;

/** Whether somebody may want to know what going back loses. */
const hasWayBack = (service: Service): boolean => {
  const { live, environments } = service;
  if (live === null) return false;
  const back = environments[other(live)];
  return (back.wasLive && back.release !== null) || fleetBefore(service) !== null;
};

/**
 * Takes what the router has counted of the writes into the log while there is a way back, so that the verdict outlives the router. It only
 * looks: what it cannot see or write now it takes up with the next look.
 */
export class WriteWatch {
  constructor(
    private readonly journal: Journal,
    private readonly router: () => Router,
    private readonly clock: Clock,
    private readonly signal: AbortSignal,
  ) {}

  /** Looks until the signal is aborted. Never rejects. */
  async run(): Promise<void> {
    try {
      while (!this.signal.aborted) {
        await this.journal.until((service) => hasWayBack(service) || undefined, this.signal);
        if (!(await this.look())) return;
        await this.clock.sleep(everyMs, this.signal);
      }
    } catch (thrown) {
      if (!this.signal.aborted) throw thrown;
    }
  }

  /** Looks once. False if there is nothing more to look for: another controller has taken over. */
  async look(): Promise<boolean> {
    if (!hasWayBack(this.journal.service)) return true;
    const router = this.router();
    if (!router.capabilities.counters) return true;
    try {
      const counters = await router.counters(this.journal.name);
      await this.journal.append(({ writes }) =>
        writes && worthRecording(writes, counters)
          ? [
              {
                type: 'writes-counted',
                side: writes.side,
                bootId: counters.bootId,
                writes: counters[writes.side].writes,
              },
            ]
          : [],
      );
      return true;
    } catch (thrown) {
      // The router may be away, the disk full: both are told elsewhere, and the next look makes up for this one.
      const { code } = errorRecord(thrown instanceof LogUnwritable ? thrown.cause : thrown);
      return code !== 'lease-lost';
    }
  }
}
