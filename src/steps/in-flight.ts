import type { Colour } from '../core/colour.ts';
import { combineCut, noneCut, type Cut } from '../core/cut.ts';
import { formatAddress } from '../core/address.ts';
import { lostTrafficAt } from '../core/deployment.ts';
import { CutoverError } from '../core/errors.ts';
import type { Instance } from '../core/placement.ts';
import type { Counters } from '../core/traffic.ts';
import { instanceName } from './probe.ts';
import type { StepContext } from './step.ts';

const pollMs = 10;

/**
 * Waits until the side has no request in flight, or `forMs` has passed; returns how many are left, and the counters seen last.
 * Null where the router does not know the service, so that nothing can be in flight. Where it does not tell what is in flight, waits until
 * the side has been without the traffic for `forMs`, and takes it to be free then.
 */
export async function untilNoneInFlight(
  context: StepContext,
  colour: Colour,
  forMs: number,
): Promise<{ left: number; tookMs: number; counters: Counters } | null> {
  const { clock, router, signal } = context;
  const service = context.service().name;
  const begun = clock.monotonic();
  if ((await router.read(service)) === null) return null;
  if (!router.capabilities.inFlight) {
    const left = forMs - (clock.now() - lastLostAt(context, colour));
    if (left > 0) await clock.sleep(Math.min(left, forMs), signal);
    return { left: 0, tookMs: clock.monotonic() - begun, counters: await router.counters(service) };
  }
  for (;;) {
    const counters = await router.counters(service);
    const tookMs = clock.monotonic() - begun;
    const left = counters[colour].inFlight;
    if (left === 0 || tookMs >= forMs) return { left, tookMs, counters };
    context.report(`${left} in flight on ${colour}`);
    await clock.sleep(Math.min(pollMs * (1 + tookMs / 200), 250, Math.max(1, forMs - tookMs)), signal);
  }
}

/**
 * Waits until none of these instances of a side, which get no new requests, has one in flight, or `forMs` has passed; returns how many are
 * left.
 */
export async function untilInstancesFree(
  context: StepContext,
  colour: Colour,
  instances: readonly Instance[],
  forMs: number,
): Promise<{ left: number; tookMs: number }> {
  const { clock, router, signal } = context;
  const service = context.service().name;
  const begun = clock.monotonic();
  const addresses = instances.map(({ address }) => formatAddress(address));
  if ((await router.read(service)) === null) return { left: 0, tookMs: 0 };
  for (;;) {
    const { inFlightAt = {} } = (await router.counters(service))[colour];
    if (!router.capabilities.instances)
      throw new CutoverError(
        'router-cannot',
        `service ${service}: expected a router that tells what is in flight at one instance, found one that does not`,
        { next: 'choose another router.driver, or another strategy.kind: docs/routers.md' },
      );
    const tookMs = clock.monotonic() - begun;
    const left = addresses.reduce((sum, address) => sum + (inFlightAt[address] ?? 0), 0);
    if (left === 0 || tookMs >= forMs) return { left, tookMs };
    context.report(`${left} in flight at ${instances.map(instanceName).join(', ')} of ${colour}`);
    await clock.sleep(Math.min(pollMs * (1 + tookMs / 200), 250, Math.max(1, forMs - tookMs)), signal);
  }
}

/** When the side has lost the traffic last; 0: never. */
const lastLostAt = (context: StepContext, colour: Colour): number =>
  Math.max(0, ...context.service().deployments.map((deployment) => lostTrafficAt(deployment, colour) ?? 0));

/** Beyond the time over which ends are spread: for the last of them to be heard of. */
const lastEndMs = 5000;

/**
 * Ends what is still in flight on a side that gets no requests of users, spread over `overMs`, and waits for that. Called again, it goes on. What
 * is left for all that is told, not thrown.
 *
 * @param since what had been cut before; else what has been cut when this begins
 */
export async function endInFlight(
  context: StepContext,
  colour: Colour,
  overMs: number,
  since?: Counters,
): Promise<{ left: number; tookMs: number; cut: Cut }> {
  const { router, clock } = context;
  const { name } = context.service();
  const begun = clock.monotonic();
  const before = await router.counters(name);
  if (!router.capabilities.evict || before[colour].inFlight === 0)
    return { left: before[colour].inFlight, tookMs: 0, cut: noneCut() };
  await context.inTurn(async () => {
    const route = await router.read(name);
    if (!route) return;
    if (route.epoch > context.service().epoch)
      throw new CutoverError(
        'stale-epoch',
        `service ${name}: expected epoch ${context.service().epoch} at most at the router, found ${route.epoch}`,
        { next: 'another controller leads this proxy; see which one is meant to' },
      );
    await router.evict(name, { colour, epoch: route.epoch, overMs });
  });
  context.report(`ends ${before[colour].inFlight} on ${colour}`);
  const ended = await untilNoneInFlight(context, colour, overMs + lastEndMs);
  const tookMs = clock.monotonic() - begun;
  if (!ended) return { left: 0, tookMs, cut: noneCut() };
  const base = since?.bootId === ended.counters.bootId ? since : before;
  const same = base.bootId === ended.counters.bootId;
  const cut = same
    ? combineCut(ended.counters[colour].cut, base[colour].cut, -1)
    : ended.counters[colour].cut;
  return { left: ended.left, tookMs, cut };
}
