import type { Release } from '../core/release.ts';
import type { Service } from '../core/service.ts';
import type { Platform } from '../ports/platform.ts';
import type { Router } from '../ports/router.ts';
import type { EngineParts } from './engine-parts.ts';

/** The drivers of a service: those that its newest release names. */
export class Drivers {
  constructor(private readonly parts: Pick<EngineParts, 'platform' | 'router'>) {}

  platform(service: Service): Platform {
    return this.parts.platform(service.releases.at(-1)?.spec.platform.driver ?? 'process');
  }

  router(service: Service): Router {
    const newest = service.releases.at(-1);
    if (!newest) throw new Error(`service ${service.name} has no release`);
    return this.routerFor(newest);
  }

  routerFor({ spec, base }: Release): Router {
    return this.parts.router(spec.router, base);
  }
}
