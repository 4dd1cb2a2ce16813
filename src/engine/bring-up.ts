import { colours } from '../core/colour.ts';
import { ready } from '../core/environment.ts';
import { errorRecord, type ErrorRecord } from '../core/errors.ts';
import { onlyOf, releaseOf, type Service } from '../core/service.ts';
import type { Platform } from '../ports/platform.ts';
import { LogUnwritable } from './journal.ts';
import type { OpenService } from './open-service.ts';
import { assertWorkers } from './worker-leases.ts';

/**
 * Brings up what the log says that there should be and is not: instances, what the router has forgotten, workers. What could not be done is
 * returned as a warning. Rejects where the log cannot be written.
 */
export async function broughtUp(open: OpenService): Promise<readonly ErrorRecord[]> {
  const { journal, orders } = open;
  try {
    const { platform } = open;
    await bringUp(journal.service, platform);
    await orders.reassert();
    await assertWorkers(journal, platform);
    return [];
  } catch (thrown) {
    if (thrown instanceof LogUnwritable) throw thrown;
    return [errorRecord(thrown)];
  }
}

/** After a restart of the machine nothing runs: the sides that have been healthy are started again where they were. */
async function bringUp(service: Service, platform: Platform): Promise<void> {
  for (const colour of colours) {
    const environment = service.environments[colour];
    const release = environment.release === null ? undefined : releaseOf(service, environment.release);
    if (!release || !environment.placement || !ready(environment)) continue;
    const only = onlyOf(service, colour);
    await platform.start({ service: service.name, colour }, release, environment.placement, only);
  }
}
