import { formatAddress } from '../core/address.ts';
import type { Colour } from '../core/colour.ts';
import { CutoverError } from '../core/errors.ts';
import { addressesOf, type Instance, type Placement } from '../core/placement.ts';
import type { Release } from '../core/release.ts';
import { onlyOf, type Service } from '../core/service.ts';
import { routedLayer } from '../core/spec.ts';
import { routeUpstreamOf } from '../core/upstream.ts';
import type { CheckResult, CheckTarget, Probe } from '../ports/check.ts';
import type { InstanceStatus } from '../ports/platform.ts';
import type { StepContext } from './step.ts';

/** Those instances of a side that are to run; of a side without addresses none. */
export function meantOf(service: Service, colour: Colour): Instance[] {
  const only = onlyOf(service, colour) ?? {};
  const { instances = [] } = service.environments[colour].placement ?? {};
  return instances.filter(({ layer, index }) => index < (only[layer] ?? Infinity));
}

/** The environment of a release that was placed, in which checks are run, with those of its instances that are to run. */
export async function probing(
  context: StepContext,
  colour: Colour,
  release: Release,
): Promise<{
  placement: Placement;
  /** How an instance of it is asked. */
  targetOf(address: CheckTarget['address'], others?: CheckTarget['others']): CheckTarget;
  run(
    probe: Probe,
    address: CheckTarget['address'],
    timeoutMs: number,
    others?: CheckTarget['others'],
  ): Promise<CheckResult>;
}> {
  const { placement } = context.service().environments[colour];
  if (!placement) throw new CutoverError('internal', `${colour} has no addresses`);
  const environment = context.environment(colour);
  const variables = await context.platform.variables(environment, release, placement);
  const { directory } = await context.platform.ship(context.service().name, release, context.signal);
  const { base, spec } = release;
  const routed = new Set(addressesOf(placement, routedLayer(spec)).map(formatAddress));
  const spoken = routeUpstreamOf(spec.router.upstream, base);
  const targetOf = (address: CheckTarget['address'], others?: CheckTarget['others']): CheckTarget => {
    const upstream = routed.has(formatAddress(address)) ? spoken : undefined;
    const own = {
      HOST: address.host,
      PORT: String(address.port),
      CUTOVER_ADDRESS: `${address.host}:${address.port}`,
    };
    const url = `${upstream?.tls ? 'https' : 'http'}://${formatAddress(address)}`;
    return {
      address,
      ...(others && { others }),
      directory,
      variables: { ...variables, ...own, CUTOVER_URL: url },
      upstream,
    };
  };
  return {
    placement: { instances: meantOf(context.service(), colour) },
    targetOf,
    async run(probe, address, timeoutMs, others) {
      const result = await context.checker.run(probe, targetOf(address, others), timeoutMs, context.signal);
      context.signal.throwIfAborted();
      return result;
    },
  };
}

/** `web[0]` and the like. */
export const instanceName = ({ layer, index }: { layer: string; index: number }): string =>
  `${layer}[${index}]`;

const tailLines = 20;

/** The end of what the instances of an environment wrote, for the detail of an error. */
export async function logTail(
  context: StepContext,
  colour: Colour,
  layer?: string,
): Promise<{ log: string[] }> {
  const { lines } = await context.platform.logs(context.environment(colour), { lines: tailLines, layer });
  return { log: lines.map((line) => `${instanceName(line)} | ${line.text}`) };
}

/** An instance that has ended since it was started, if one has. */
export const crashed = (instances: readonly InstanceStatus[]): InstanceStatus | undefined =>
  instances.find(({ state, restarts }) => state !== 'running' || restarts > 0);
