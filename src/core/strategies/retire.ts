import type { Colour } from '../colour.ts';
import type { Plan } from '../plan.ts';
import { colours } from '../colour.ts';
import { current, type Service } from '../service.ts';

/** The plan for a side whose keep time is over. */
export const retire = (colour: Colour, release: number): Plan => ({
  kind: 'retire',
  strategy: 'blue-green',
  release,
  steps: [{ kind: 'retire', colour, release }],
  later: [],
  notes: [],
});

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
