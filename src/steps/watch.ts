import type { Colour } from '../core/colour.ts';
import { formatDuration } from '../core/duration.ts';
import { CutoverError, type ErrorCode } from '../core/errors.ts';
import { healthOf } from '../core/spec.ts';
import type { InstanceStatus } from '../ports/platform.ts';
import { crashed, instanceName, logTail, probing } from './probe.ts';
import type { AnalysisWatch } from './analysis-watch.ts';
import type { StepContext } from './step.ts';

/** An instance that ended is seen after so long at most, also where nothing is probed. */
const longestLookMs = 500;

/** Which side is watched, for how long, and what it is called if it does badly. */
export interface Watch {
  readonly colour: Colour;
  readonly release: number;
  /** For messages: how long it is to stay healthy; Infinity: until a person says so. */
  readonly forMs: number;
  /** How much longer it is watched, asked before each look; 0 or less: it is over. Default: `forMs` from now on. */
  readonly leftMs?: () => number;
  /** The code of the error where it does badly. */
  readonly code: ErrorCode;
  /** What to do then. */
  readonly next: string;
  /** What else is looked at. */
  readonly analysis?: AnalysisWatch | null;
  /** Whether a person has said that it is over, whatever is still waited for. Default: nobody has. */
  readonly waived?: () => boolean;
  /** Done before each look, as a part of it. */
  readonly look?: () => Promise<void>;
  /** What those who watch are told. Default: how long there is to go. */
  readonly progress?: (leftMs: number) => string;
}

/**
 * Watches a side that gets traffic: its instances run, none is restarted, and each answers its health probes. It is looked at once at
 * least, also if no time is left. Resolves with how long it watched; what the log tells anew (a person's order, say) is heeded at once.
 *
 * @throws CutoverError `code`, with the last lines of the log; the signal's reason if that is aborted
 */
export async function watchSide(context: StepContext, watch: Watch): Promise<number> {
  const { clock, platform } = context;
  const { colour, forMs } = watch;
  const release = context.release(watch.release);
  const { placement, run } = await probing(context, colour, release);
  const bad = new Map<string, number>();
  const begun = clock.monotonic();
  const took = (): number => clock.monotonic() - begun;
  const leftMs = watch.leftMs ?? (() => forMs - took());
  const { progress = (left) => `${formatDuration(left)} to go`, analysis, waived = () => false } = watch;
  const restartsBefore = restartsOf(await platform.inspect(context.environment(colour)));

  const fail = async (found: string): Promise<never> => {
    const expected = forMs === Infinity ? '' : ` for ${formatDuration(forMs)}`;
    throw new CutoverError(
      watch.code,
      `release ${watch.release} on ${colour}: expected it to stay healthy${expected}, found ${found} after ${formatDuration(took())}`,
      { next: watch.next, detail: await logTail(context, colour) },
    );
  };

  for (;;) {
    await watch.look?.();
    const left = leftMs();
    const instances = await platform.inspect(context.environment(colour));
    const ended = instances.find(({ state }) => state !== 'running');
    if (ended) return fail(`that ${instanceName(ended)} ended (${ended.lastExit ?? 'unknown how'})`);
    if (restartsOf(instances) > restartsBefore)
      return fail(
        `that ${instanceName(crashed(instances) ?? { layer: 'an instance', index: 0 })} ended and was restarted`,
      );
    const outcome = (await analysis?.look(left)) ?? { act: 'go-on' };
    if (outcome.act === 'roll-back')
      return fail(
        `that ${outcome.measure.name} ${outcome.measure.judgement === 'bad' ? 'is bad' : `was not known${outcome.waitedMs > 0 ? ` ${formatDuration(outcome.waitedMs)} later` : ''}`} (${outcome.measure.says})`,
      );
    if (left <= 0 && (outcome.act === 'go-on' || waived())) return took();
    let interval = Math.min(left > 0 ? left : Infinity, longestLookMs, analysis?.dueMs ?? Infinity);
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
    context.report([progress(Math.max(0, left)), ...(analysis ? [analysis.words] : [])].join('; '));
    await context.untilChange(interval);
  }
}

const restartsOf = (instances: readonly InstanceStatus[]): number =>
  instances.reduce((sum, { restarts }) => sum + restarts, 0);
