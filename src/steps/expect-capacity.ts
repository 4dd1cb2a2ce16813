import type { Colour } from '../core/colour.ts';
import { CutoverError } from '../core/errors.ts';
import { fleetCapacity, stackSize } from '../core/fleet.ts';
import { other } from '../core/colour.ts';
import { addressesOf } from '../core/placement.ts';
import { formatShare } from '../core/share.ts';
import { routedLayer } from '../core/spec.ts';
import type { StepContext } from './step.ts';
import { deploymentNow } from './under-way.ts';

/**
 * Before half of a split fleet is taken out: whoever stays is large enough by the rule of the release that comes. A stack that goes on without a host
 * (`platform.mayMiss`) is smaller than the plan could know.
 *
 * @throws CutoverError `capacity-short`
 */
export function expectCapacity(context: StepContext, stays: Colour): void {
  const { plan } = deploymentNow(context);
  if (plan.strategy !== 'split-fleet') return;
  const { name, environments } = context.service();
  const { release, placement } = environments[stays];
  if (release === null || placement === null) return;
  const { spec } = context.release(release);
  const whole = stackSize(spec, stays);
  const rest = stackSize(spec, other(stays)).size;
  const hosts = new Set(addressesOf(placement, routedLayer(spec)).map(({ host }) => host)).size;
  const there = whole.of === 'hosts' ? Math.min(hosts, whole.size) : whole.size;
  const capacity = fleetCapacity(context.release(plan.release).spec);
  // Shares are written with four decimals at most.
  if (there / (whole.size + rest) >= capacity - 0.000_05) return;
  throw new CutoverError(
    'capacity-short',
    `service ${name}: expected at least ${formatShare(capacity)} of its capacity in service throughout (strategy.capacity), found ${formatShare(there / (whole.size + rest))} if ${stays} serves alone: it goes on with ${there} of its ${whole.size} ${whole.of}`,
    {
      next: `see to the hosts of ${stays}, or lower strategy.capacity; the next deployment renews the smaller one first if it does not lead`,
    },
  );
}
