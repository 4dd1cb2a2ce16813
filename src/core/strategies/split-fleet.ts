import { other, type Colour } from '../colour.ts';
import { CutoverError } from '../errors.ts';
import { fleetCapacity, fleetWeights, shareOf, stackSize } from '../fleet.ts';
import type { Plan, PlannedStep } from '../plan.ts';
import type { Release } from '../release.ts';
import { nextColour, releaseOf, serves, weightsInForce, type Service } from '../service.ts';
import { formatShare } from '../share.ts';
import type { Spec } from '../spec.ts';
import { drainOf } from './drain-of.ts';

/**
 * Both environments serve in normal times. The one that is not live is taken out of service, renewed, verified, put back and watched; then the
 * other one: all traffic is switched to the first, and then it is renewed and put back in the same way. So no capacity stands idle, and a part of it is
 * always in service.
 *
 * @throws CutoverError `capacity-short` if less than `strategy.capacity` would stay in service
 */
export function splitFleet(service: Service, release: Release): Plan {
  const { spec, number } = release;
  const { live } = service;
  const first = nextColour(service);
  const second = other(first);
  const inForce = weightsInForce(service);
  const occupant = service.environments[first].release;
  const wholeBefore = live !== null && inForce !== undefined && occupant !== null && serves(service, first);
  const { bake, onSecondFailure = 'back' } = spec.strategy;
  const capacity = fleetCapacity(spec);
  if (wholeBefore) expectCapacity(service, specOn(service, second) ?? spec, first, capacity);
  if (live !== null) expectCapacity(service, spec, second, capacity);

  const weights = fleetWeights(spec);
  const steps: PlannedStep[] = [{ kind: 'ship', colour: first, release: number }];
  if (wholeBefore)
    steps.push(
      { kind: 'withdraw', colour: first, live, release: occupant, weights: inForce },
      drainOf(first, spec.strategy),
    );
  steps.push(
    {
      ...{ kind: 'prepare', colour: first, release: number, retires: occupant },
      ...(wholeBefore && { restores: occupant }),
    },
    ...renewal(first, release),
  );
  if (live !== null) {
    steps.push({ kind: 'rejoin', colour: first, live, release: number, weights });
    if (bake > 0)
      steps.push({
        ...{ kind: 'hold', colour: first, release: number, back: live, forMs: bake },
        weight: weights[first],
      });
  }
  const before = live === null ? null : service.environments[live].release;
  steps.push(
    { kind: 'ship', colour: second, release: number },
    { kind: 'switch', from: live, to: first, release: number },
  );
  if (live !== null) steps.push(drainOf(live, spec.strategy));
  steps.push(
    {
      ...{ kind: 'prepare', colour: second, release: number },
      retires: service.environments[second].release,
      ...(before !== null && { restores: before }),
    },
    ...renewal(second, release),
    { kind: 'rejoin', colour: second, live: first, release: number, weights },
    { kind: 'bake', colour: second, release: number, back: null, forMs: bake },
  );
  const notes = [
    `both serve in the end: blue ${weights.blue} %, green ${weights.green} %; at least ${formatShare(capacity)} of the capacity stays in service`,
    ...(live === null
      ? ['the first release: there is nothing to go back to after the switch']
      : [
          onSecondFailure === 'hold'
            ? `if ${second} fails, ${first} goes on to serve release ${number}, and a person decides`
            : `if ${second} fails, ${first} is taken back too`,
        ]),
    ...(occupant !== null && !wholeBefore
      ? [`release ${occupant} on ${first} makes room: from now on both serve`]
      : []),
  ];
  return {
    ...{ kind: 'deploy', strategy: 'split-fleet', release: number, steps, later: [] },
    ...{ onSecondFailure, notes },
  };
}

/** From an environment that has been emptied to one that may serve. */
const renewal = (colour: Colour, { number: release, spec }: Release): PlannedStep[] => [
  { kind: 'start', colour, release },
  { kind: 'health', colour, release },
  { kind: 'verify', colour, release, checks: spec.checks.length },
];

const specOn = (service: Service, colour: Colour): Spec | undefined =>
  releaseOf(service, service.environments[colour].release ?? 0)?.spec;

function expectCapacity(service: Service, spec: Spec, out: Colour, capacity: number): void {
  const rest = other(out);
  const left = shareOf(spec, rest);
  // Shares are written with four decimals at most.
  if (left >= capacity - 0.000_05) return;
  const [own, gone] = [stackSize(spec, rest), stackSize(spec, out)];
  throw new CutoverError(
    'capacity-short',
    `service ${service.name}: expected at least ${formatShare(capacity)} of its capacity in service throughout (strategy.capacity), found ${formatShare(left)} while ${out} is renewed: ${rest} has ${own.size} of ${own.size + gone.size} ${own.of}`,
    {
      next: `lower strategy.capacity, or give ${rest} more hosts; strategy rolling takes one instance out at a time`,
    },
  );
}
