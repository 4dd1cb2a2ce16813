import { formatDuration } from '../core/duration.ts';
import { healthOf } from '../core/spec.ts';
import { CutoverError } from '../core/errors.ts';
import { crashed, instanceName, logTail, probing } from './probe.ts';
import { nothingToUndo, type Step } from './step.ts';

/** An instance that ended is seen after so long at most, also where nothing is probed. */
const longestLookMs = 500;

export const bake: Step<'bake'> = {
  describe: ({ colour, back, forMs }) =>
    forMs === 0
      ? `see that ${colour} runs; no longer watch, since strategy.bake is 0`
      : `watch ${colour} for ${formatDuration(forMs)}${back === null ? '' : `, and go back to ${back} if it does badly`}`,
  describeUndo: () => null,

  async run({ colour, release: number, forMs }, context) {
    const { clock, platform, signal } = context;
    const release = context.release(number);
    const { placement, run } = await probing(context, colour, release);
    const bad = new Map<string, number>();
    const begun = clock.monotonic();
    const restartsBefore = (await platform.inspect(context.environment(colour))).reduce(
      (sum, { restarts }) => sum + restarts,
      0,
    );

    const fail = async (found: string): Promise<never> => {
      throw new CutoverError(
        'bake-failed',
        `release ${number} on ${colour}: expected it to stay healthy for ${formatDuration(forMs)}, found ${found} after ${formatDuration(clock.monotonic() - begun)}`,
        {
          next: 'the log lines say more; the traffic is taken back if there is a side to go back to',
          detail: await logTail(context, colour),
        },
      );
    };

    for (;;) {
      const left = forMs - (clock.monotonic() - begun);
      const instances = await platform.inspect(context.environment(colour));
      const ended = instances.find(({ state }) => state !== 'running');
      const restarts = instances.reduce((sum, each) => sum + each.restarts, 0);
      if (ended) return fail(`that ${instanceName(ended)} ended (${ended.lastExit ?? 'unknown how'})`);
      if (restarts > restartsBefore)
        return fail(
          `that ${instanceName(crashed(instances) ?? { layer: 'an instance', index: 0 })} ended and was restarted`,
        );
      if (left <= 0) break;
      let interval = Math.min(left, longestLookMs);
      for (const instance of placement.instances) {
        const settings = healthOf(release.spec, instance.layer);
        // Of what listens nowhere there is no more to know than that it runs, which was looked at above.
        if (settings.running !== undefined) continue;
        interval = Math.min(interval, settings.interval);
        const result = await run(settings, instance.address, settings.timeout);
        const name = instanceName(instance);
        bad.set(name, result.ok ? 0 : (bad.get(name) ?? 0) + 1);
        if ((bad.get(name) ?? 0) >= settings.unhealthy) return fail(`${name} unhealthy (${result.detail})`);
      }
      context.report(`${formatDuration(Math.max(0, left))} to go`);
      await clock.sleep(interval, signal);
    }
    return {
      says:
        forMs === 0
          ? 'no time to watch in the spec'
          : `healthy for ${formatDuration(clock.monotonic() - begun)}`,
    };
  },

  undo: nothingToUndo,
};
