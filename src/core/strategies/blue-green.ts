import { colours } from '../colour.ts';
import type { Plan } from '../plan.ts';
import type { Release } from '../release.ts';
import { nextColour, roleOf, type Service } from '../service.ts';
import { formatDuration } from '../duration.ts';
import { drainOf } from './drain-of.ts';

/**
 * The whole service moves at once: the release is made ready on the side that has no traffic, then all traffic goes there,
 * and the side before is kept hot.
 */
export function blueGreen(service: Service, release: Release): Plan {
  const { spec, number } = release;
  const { live } = service;
  const colour = nextColour(service);
  const occupant = service.environments[colour].release;
  const steps: Plan['steps'] = [
    // Shipped before room is made: a broken artifact or a build that fails costs nobody the way back.
    { kind: 'ship', colour, release: number },
    { kind: 'prepare', colour, release: number, retires: occupant },
    { kind: 'start', colour, release: number },
    { kind: 'health', colour, release: number },
    { kind: 'verify', colour, release: number, checks: spec.checks.length },
    { kind: 'switch', from: live, to: colour, release: number },
  ];
  const before = live === null ? null : service.environments[live].release;
  if (live !== null) steps.push(drainOf(live, spec.strategy));
  steps.push({ kind: 'bake', colour, release: number, back: live, forMs: spec.strategy.bake });
  const later: Plan['later'] = [];
  if (live !== null && before !== null) {
    steps.push({ kind: 'keep', colour: live, release: before, forMs: spec.keep });
    later.push({ kind: 'retire', colour: live, release: before });
  }
  const notes: string[] = [];
  if (roleOf(service, colour) === 'standby') {
    const kept = service.environments[colour].keptUntil;
    notes.push(
      `release ${occupant} on ${colour}, kept hot for the way back${kept === null ? '' : ` (${formatDuration(spec.keep)})`}, makes room`,
    );
  }
  if (colours.every((each) => service.environments[each].release === null)) {
    notes.push('the first release: there is nothing to go back to after the switch');
  }
  return { kind: 'deploy', strategy: 'blue-green', release: number, steps, later, notes };
}
