import { CutoverError } from '../core/errors.ts';
import { expectModeFor } from '../core/mode.ts';
import type { Plan } from '../core/plan.ts';
import type { Release } from '../core/release.ts';
import { expectModes, expectRouterFits, routerNotes } from '../core/router-fit.ts';
import { modeInForce, type Service } from '../core/service.ts';
import { withCaching } from '../core/strategies/caching.ts';
import { deployPlan } from '../core/strategies/index.ts';
import type { Router } from '../ports/router.ts';

/**
 * The plan for taking a release live, if the router of that release can carry it out.
 *
 * @param written what a strategy of the user's own wrote
 * @throws CutoverError `strategy-unsound`, `router-cannot`; `request-invalid` for a mode that it cannot have
 */
export function fittingPlan(
  service: Service,
  release: Release,
  { capabilities }: Router,
  written?: unknown,
): Plan {
  const { driver, protocol } = release.spec.router;
  const mode = modeInForce(service)?.mode ?? 'open';
  expectModeFor(service.name, protocol, mode);
  if (mode !== 'open') expectModes(service.name, driver, capabilities);
  const plan = deployPlan(service, release, written);
  expectRouterFits(service, release, plan, capabilities);
  const waiting = withCaching(plan, capabilities.caching);
  return { ...waiting, notes: [...waiting.notes, ...routerNotes(release.spec, capabilities)] };
}

/**
 * Sees that a router that is named in another way than before is the one that has the traffic, e.g. after its socket has been moved: else a
 * deployment would switch there what no client sees.
 *
 * @throws CutoverError `router-cannot`, or what the router threw
 */
export async function expectSameRouter(service: Service, release: Release, router: Router): Promise<void> {
  const { live, name } = service;
  const before = service.releases.at(-1);
  if (live === null || before === undefined) return;
  const { driver } = release.spec.router;
  const settings = ({ spec, base }: Release): string =>
    JSON.stringify([
      driver === 'embedded' ? '' : base,
      Object.entries(spec.router).find(([key]) => key === driver),
    ]);
  if (before.spec.router.driver !== driver || settings(before) === settings(release)) return;
  const found = await router.read(name);
  if (found?.live === live) return;
  throw new CutoverError(
    'router-cannot',
    `service ${name}: expected router.${driver} to name the router that sends its traffic to ${live}, found one that ${found ? `sends it to ${found.live}` : 'does not know it'}`,
    { next: `name the router as it was before under router.${driver}` },
  );
}
