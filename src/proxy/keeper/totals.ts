import {
  combineSides,
  combineTold,
  emptySide,
  nothingTold,
  type Counters,
  type SideCounters,
} from '../../core/traffic.ts';
import type { WorkerCounters } from './messages.ts';

type ServiceCounters = WorkerCounters[string];

const emptyCounters = (): ServiceCounters => ({
  at: 0,
  blue: emptySide(),
  green: emptySide(),
  refused: {},
  told: nothingTold,
  queued: 0,
});

function both(a: ServiceCounters, b: ServiceCounters): ServiceCounters {
  const refused: Record<string, number> = { ...a.refused };
  for (const [status, count] of Object.entries(b.refused)) refused[status] = (refused[status] ?? 0) + count;
  return {
    at: Math.max(a.at, b.at),
    blue: combineSides(a.blue, b.blue, 1),
    green: combineSides(a.green, b.green, 1),
    refused,
    told: combineTold(a.told, b.told),
    queued: a.queued + b.queued,
  };
}

/** What a worker that died had in flight never got its response: it failed, and nobody else will count it. */
function lost(side: SideCounters): SideCounters {
  if (side.inFlight === 0) return { ...side, inFlightAt: {} };
  const failed = { ...side.failed, 'worker-lost': (side.failed['worker-lost'] ?? 0) + side.inFlight };
  return { ...side, failed, inFlight: 0, inFlightAt: {} };
}

/** The counters of workers that are gone, kept so that a total only grows. */
export class Totals {
  private readonly gone = new Map<string, ServiceCounters>();

  /** Adds what a worker had counted when it was last heard of. */
  retire(counters: WorkerCounters): void {
    for (const [service, last] of Object.entries(counters)) {
      const ended = { ...last, queued: 0, blue: lost(last.blue), green: lost(last.green) };
      this.gone.set(service, both(this.gone.get(service) ?? emptyCounters(), ended));
    }
  }

  /** One service over the workers that are gone and those that are here. */
  of(service: string, here: readonly WorkerCounters[], bootId: string, at: number): Counters {
    const sum = here.reduce(
      (total, counters) => (counters[service] ? both(total, counters[service]) : total),
      this.gone.get(service) ?? emptyCounters(),
    );
    return { ...sum, at, bootId };
  }
}
