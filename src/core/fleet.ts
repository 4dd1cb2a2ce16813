import { other, type Colour } from './colour.ts';
import { hasMoved } from './deployment.ts';
import { current, releaseOf, serves, type Service } from './service.ts';
import { routedLayer, type Spec } from './spec.ts';
import type { Weights } from './weights.ts';

/** How much an environment of a split fleet can bear. */
export interface StackSize {
  readonly size: number;
  readonly of: 'hosts' | 'instances';
}

/** By its hosts, where it has some: those that get an instance; else by its instances. */
export function stackSize(spec: Spec, colour: Colour): StackSize {
  const instances = spec.environments.layers[routedLayer(spec)]?.instances ?? 1;
  const hosts = spec.platform.hosts?.[colour].length;
  return hosts === undefined
    ? { size: instances, of: 'instances' }
    : { size: Math.min(hosts, instances), of: 'hosts' };
}

/** Which part of the capacity of both environments one of them is, from 0 to 1. */
export function shareOf(spec: Spec, colour: Colour): number {
  const own = stackSize(spec, colour).size;
  return own / (own + stackSize(spec, other(colour)).size);
}

const usualCapacity = 0.5;

/** The share of the capacity that is to stay in service, from 0 to 1. */
export const fleetCapacity = ({ strategy }: Spec): number => strategy.capacity ?? usualCapacity;

/** How both serve in normal times: each as much as it can bear, in per cent. */
export function fleetWeights(spec: Spec): Weights {
  const blue = Math.round(100 * shareOf(spec, 'blue'));
  return { blue, green: 100 - blue };
}

/** Whether both environments serve the same release, as those of a split fleet do in normal times. */
export const isWholeFleet = (service: Service): boolean =>
  serves(service, 'blue') &&
  serves(service, 'green') &&
  service.environments.blue.release === service.environments.green.release;

/** Which release would be brought back to both environments of a split fleet; null: it is none, or there was none before. */
export function fleetBefore(service: Service): number | null {
  const { live, environments, deployments } = service;
  const now = live === null ? null : environments[live].release;
  if (live === null || now === null) return null;
  const under = current(service);
  const isFleet = under
    ? under.plan.strategy === 'split-fleet' && hasMoved(under, live)
    : isWholeFleet(service) || releaseOf(service, now)?.spec.strategy.kind === 'split-fleet';
  if (!isFleet) return null;
  const before = deployments.findLast(
    ({ status, plan }) => status === 'succeeded' && plan.kind !== 'retire' && plan.release !== now,
  );
  return before?.plan.release ?? null;
}
