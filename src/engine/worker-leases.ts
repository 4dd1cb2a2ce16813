import type { ServiceEvent } from '../core/event.ts';
import { colours, other } from '../core/colour.ts';
import { current, releaseOf, type Service } from '../core/service.ts';
import { hasWorkers } from '../core/worker-lease.ts';
import type { Platform } from '../ports/platform.ts';
import { grant, release } from '../steps/worker-lease.ts';
import type { Journal } from './journal.ts';

/**
 * Tells the workers of a service what the log says, where no deployment does: after a restart of the controller, and after a deployment that ended
 * half-way, so that what is live also works. First those that may not work.
 */
export async function assertWorkers(journal: Journal, platform: Platform): Promise<void> {
  const { live, environments } = journal.service;
  if (live === null || current(journal.service) || !platform.lease) return;
  const context = {
    deployment: null,
    service: (): Service => journal.service,
    platform,
    environment: (colour: typeof live) => ({ service: journal.name, colour }),
    record: async (...events: ServiceEvent[]) => {
      await journal.append(() => events);
    },
  };
  const workers = colours.filter((colour) => {
    const number = environments[colour].release;
    const held = number === null ? undefined : releaseOf(journal.service, number);
    return held !== undefined && hasWorkers(held.spec);
  });
  if (workers.includes(other(live))) await release(context, other(live));
  if (workers.includes(live)) await grant(context, live);
}
