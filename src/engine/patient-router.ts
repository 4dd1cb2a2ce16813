import { CutoverError } from '../core/errors.ts';
import type { Applied, Route } from '../core/traffic.ts';
import type { Clock } from '../ports/clock.ts';
import type { Router } from '../ports/router.ts';

function applyTogether(router: Router, routes: readonly Route[]): Promise<readonly Applied[]> {
  if (router.applyTogether) return router.applyTogether(routes);
  throw new CutoverError('router-cannot', 'this router cannot change several services as one', {
    next: 'take one with router.driver embedded',
  });
}

const firstWaitMs = 20;
const longestWaitMs = 500;

/**
 * The router, waited for while it is away: a proxy that is being restarted is back within a second, and a deployment need not
 * fail for that. Every call of the port may be repeated. Throws what the router threw if it is still away after `patienceMs`.
 */
export function patientRouter(router: Router, clock: Clock, signal: AbortSignal, patienceMs = 5000): Router {
  async function patiently<T>(call: () => Promise<T>): Promise<T> {
    const begun = clock.monotonic();
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(longestWaitMs, 2 * waitMs)) {
      try {
        return await call();
      } catch (error) {
        const away = error instanceof CutoverError && ['proxy-absent', 'router-absent'].includes(error.code);
        if (!away || clock.monotonic() - begun > patienceMs) throw error;
      }
      await clock.sleep(waitMs, signal);
    }
  }
  const { keepFor } = router;
  return {
    ...(keepFor && {
      keepFor: (service, keeping, epoch) => patiently(() => keepFor.call(router, service, keeping, epoch)),
    }),
    capabilities: router.capabilities,
    apply: (route, decide) => patiently(() => router.apply(route, decide)),
    applyTogether: (routes) => patiently(() => applyTogether(router, routes)),
    read: (service) => patiently(() => router.read(service)),
    counters: (service) => patiently(() => router.counters(service)),
    evict: (service, eviction) => patiently(() => router.evict(service, eviction)),
    mirrored: (service, id) => patiently(() => router.mirrored(service, id)),
    remove: (service, epoch) => patiently(() => router.remove(service, epoch)),
  };
}
