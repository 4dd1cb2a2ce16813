import type { Colour } from '../colour.ts';
import type { Plan } from '../plan.ts';
import { colours } from '../colour.ts';
import { current, releaseOf, type Service } from '../service.ts';
import { withPolicies } from './policies.ts';

/** The plan for a side whose keep time is over. */
export function retire(service: Service, colour: Colour, release: number): Plan {
  const plan: Plan = {
    kind: 'retire',
    strategy: 'blue-green',
    release,
    steps: [{ kind: 'retire', colour, release }],
    later: [],
    notes: [],
  };
  // What is asked for beyond that is asked by the release that stays.
  const live = service.live === null ? null : service.environments[service.live].release;
  const spec = releaseOf(service, live ?? release)?.spec;
  return spec ? withPolicies(plan, service, spec) : plan;
}

/** The side that is to be retired next, and when; undefined if none is kept or a deployment is under way. */
export function nextRetirement(
  service: Service,
): { colour: Colour; release: number; at: number } | undefined {
  if (current(service)) return undefined;
  for (const colour of colours) {
    const { keptUntil, release } = service.environments[colour];
    if (service.live !== colour && keptUntil !== null && release !== null)
      return { colour, release, at: keptUntil };
  }
  return undefined;
}
