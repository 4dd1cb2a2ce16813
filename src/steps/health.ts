import { formatAddress, type Address } from '../core/address.ts';
import { formatDuration } from '../core/duration.ts';
import { CutoverError } from '../core/errors.ts';
import type { Instance } from '../core/placement.ts';
import type { Release } from '../core/release.ts';
import { healthOf } from '../core/spec.ts';
import type { Health } from '../core/spec/check.ts';
import type { Colour } from '../core/colour.ts';
import { crashed, instanceName, logTail, meantOf, probing } from './probe.ts';
import { republish } from './publish.ts';
import { nothingToUndo, type Step, type StepContext } from './step.ts';

/** The first probes come closer together than the interval, so that a quick start is seen quickly. */
const firstIntervalMs = 20;

export const health: Step<'health'> = {
  describe: ({ colour, release }) =>
    `wait until every instance of release ${release} on ${colour} is healthy`,
  describeUndo: () => null,

  async run({ colour, release: number }, context) {
    const instances = meantOf(context.service(), colour);
    const begun = context.clock.monotonic();
    await untilAllHealthy(context, colour, context.release(number), instances);
    await context.record({ type: 'environment-healthy', colour, release: number });
    await republish(context);
    const tookMs = context.clock.monotonic() - begun;
    const { length } = instances;
    return { says: `${length} of ${length} healthy after ${formatDuration(tookMs)}` };
  },

  undo: nothingToUndo,
};

/** Waits until each of these instances of a side is healthy; throws as soon as one cannot be. */
export async function untilAllHealthy(
  context: StepContext,
  colour: Colour,
  release: Release,
  instances: readonly Instance[],
): Promise<void> {
  const { run } = await probing(context, colour, release);
  let ready = 0;
  // When one fails, the others' waits are cut short, and none outlives the step.
  const others = new AbortController();
  const signal = AbortSignal.any([context.signal, others.signal]);
  const waits = instances.map(async (instance) => {
    const settings = healthOf(release.spec, instance.layer);
    const since = context.clock.monotonic();
    const probe = (): Promise<{ ok: boolean; detail: string }> =>
      settings.running === undefined
        ? run(settings, instance.address, settings.timeout)
        : Promise.resolve(hasRun(context.clock.monotonic() - since, settings.running));
    try {
      await untilHealthy({ ...context, signal }, colour, instance, settings, probe);
    } catch (error) {
      others.abort(error);
      throw error;
    }
    ready += 1;
    context.report(`${ready} of ${instances.length} healthy`);
  });
  await Promise.allSettled(waits);
  context.signal.throwIfAborted();
  if (others.signal.aborted) throw others.signal.reason;
}

/** Health of what listens nowhere: that it ended is seen elsewhere. */
const hasRun = (ms: number, leastMs: number): { ok: boolean; detail: string } => ({
  ok: ms >= leastMs,
  detail: `it has run for ${formatDuration(ms)}, expected ${formatDuration(leastMs)}`,
});

async function untilHealthy(
  context: StepContext,
  colour: Colour,
  instance: { layer: string; index: number; address: Address },
  { healthy, interval, startPeriod }: Health,
  probe: () => Promise<{ ok: boolean; detail: string }>,
): Promise<void> {
  const { clock, platform, signal } = context;
  const begun = clock.monotonic();
  const name = `${instanceName(instance)} on ${colour}`;
  for (let good = 0, wait = firstIntervalMs; ; wait = Math.min(interval, wait * 1.5)) {
    const statuses = await platform.inspect(context.environment(colour));
    const status = statuses.find(({ layer, index }) => layer === instance.layer && index === instance.index);
    const ended = crashed(status ? [status] : []);
    if (ended || !status) {
      throw new CutoverError(
        'crashed-at-start',
        `${name}: expected it to become healthy, found that it ended (${ended?.lastExit ?? 'unknown how'})`,
        {
          next: `see the log lines; cutover logs --environment ${colour} shows more`,
          detail: await logTail(context, colour, instance.layer),
        },
      );
    }
    if (status.accepts === false) await expectHanded(context, colour, name, instance);
    const result = status.accepts === false ? { ok: false, detail: notAccepted } : await probe();
    good = result.ok ? good + 1 : 0;
    if (good >= healthy) return;
    const waited = clock.monotonic() - begun;
    if (waited >= startPeriod)
      throw await notHealthy(context, colour, name, instance, {
        startPeriod,
        detail: result.detail,
        isHanded: status.accepts !== undefined,
      });
    await clock.sleep(
      result.ok ? Math.min(wait, interval) : Math.min(wait, Math.max(1, startPeriod - waited)),
      signal,
    );
  }
}

const notAccepted = 'it has not accepted on the socket that it was handed (descriptor 3, LISTEN_FDS)';

/** Refuses a program that listens by itself where it was to be asked, instead of on the socket that it was handed. */
async function expectHanded(
  context: StepContext,
  colour: Colour,
  name: string,
  { address, layer, index }: { address: Address; layer: string; index: number },
): Promise<void> {
  const listening = await context.platform.listening(context.environment(colour), layer, index);
  const itself = listening.find(({ host, port }) => port === address.port && covers(host, address.host));
  if (!itself) return;
  throw new CutoverError(
    'wrong-address',
    `${name}: expected it to accept on the socket that it was handed (descriptor 3, LISTEN_FDS), found that it listens on ${formatAddress(itself)} itself`,
    {
      next: 'have the program listen on descriptor 3, e.g. server.listen({fd: 3}) in Node; docs/routers/socket.md shows it for others',
      detail: await logTail(context, colour, layer),
    },
  );
}

async function notHealthy(
  context: StepContext,
  colour: Colour,
  name: string,
  { address, layer, index }: { address: Address; layer: string; index: number },
  { startPeriod, detail, isHanded }: { startPeriod: number; detail: string; isHanded: boolean },
): Promise<CutoverError> {
  const log = await logTail(context, colour, layer);
  const listening = await context.platform.listening(context.environment(colour), layer, index);
  // One that was handed its socket has that of the service.
  const elsewhere =
    !isHanded &&
    listening.length > 0 &&
    !listening.some(({ host, port }) => port === address.port && covers(host, address.host));
  if (elsewhere) {
    const found = listening.map(formatAddress).join(', ');
    return new CutoverError(
      'wrong-address',
      `${name}: expected it to listen on ${formatAddress(address)}, found ${found}`,
      {
        next: 'have the program listen on the HOST and PORT in its environment (or on every address at PORT)',
        detail: log,
      },
    );
  }
  const found = listening.length === 0 ? `${detail}; it listens nowhere` : detail;
  return new CutoverError(
    'never-healthy',
    `${name}: expected it to be healthy within ${formatDuration(startPeriod)}, found: ${found}`,
    {
      next: 'see the log lines; a slow start wants a longer health.startPeriod',
      detail: log,
    },
  );
}

const covers = (bound: string, host: string): boolean =>
  bound === host || bound === '0.0.0.0' || bound === '::' || bound === `::ffff:${host}`;
