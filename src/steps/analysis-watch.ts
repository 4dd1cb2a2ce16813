import { figuresBefore } from '../core/analysis/before.ts';
import type { Against, Figure, Frame } from '../core/analysis/frame.ts';
import { begun, looked } from '../core/analysis/judge.ts';
import { outcomeOf, type Outcome } from '../core/analysis/outcome.ts';
import type { PlannedAnalysis } from '../core/analysis/plan.ts';
import type { AnalysisState } from '../core/analysis/state.ts';
import { addressesOf } from '../core/placement.ts';
import { routedLayer } from '../core/spec.ts';
import type { Counters } from '../core/traffic.ts';
import { errorRecord } from '../core/errors.ts';
import { Sources, type Watched } from './analysis-sources.ts';
import type { StepContext } from './step.ts';
import { deploymentNow, stepNow } from './under-way.ts';

/** So many records of one watch at most, but for the one that ends it. */
const mostRecords = 200;

/**
 * Looks at the measures of a release that takes traffic, at the pace that its plan says, and keeps in the log what a controller that
 * comes after needs to go on.
 */
export class AnalysisWatch {
  #state: AnalysisState;
  #lookedAt = -Infinity;
  #recorded = 0;
  /** The state that the log has. */
  #kept: AnalysisState | null;
  #overSince: number | null = null;

  private constructor(
    private readonly context: StepContext,
    private readonly step: number,
    private readonly planned: PlannedAnalysis,
    private readonly frame: Frame,
    private readonly sources: Sources,
    kept: AnalysisState | null,
    state: AnalysisState,
  ) {
    this.#kept = kept;
    this.#state = state;
  }

  /** Begins, or goes on where the log says that it stood. Null if the plan asks for no analysis. */
  static begin(
    context: StepContext,
    planned: PlannedAnalysis | undefined,
    watched: Watched,
  ): AnalysisWatch | null {
    const { spec } = context.release(watched.release);
    const rules = spec.analysis;
    if (planned === undefined || rules === undefined) return null;
    const service = context.service();
    const deployment = deploymentNow(context);
    const step = stepNow(context);
    const { placement } = service.environments[watched.colour];
    const each = spec.router.limits.perInstance;
    const instances = placement ? addressesOf(placement, routedLayer(spec)).length : 0;
    let against: Against | null = null;
    if (watched.back !== null) {
      const figures = watched.sameMinutes ? null : figuresBefore(service, deployment, watched.back);
      if (watched.sameMinutes) against = { colour: watched.back, when: 'same-minutes' };
      else if (figures) against = { colour: watched.back, when: 'before', figures };
    }
    const frame: Frame = {
      rules,
      colour: watched.colour,
      against,
      alpha: planned.alpha,
      settleMs: planned.settleMs,
      slots: each > 0 && instances > 0 ? each * instances : null,
    };
    const kept = deployment.steps[step]?.analysis ?? null;
    // What came between the switch and this step, while the other side was drained, counts too.
    const switched = watched.sameMinutes ? null : (deployment.measured.switch ?? null);
    const state = kept ?? begun(frame, switched?.at ?? context.clock.now(), switched);
    const sources = new Sources(context, watched, rules);
    return new AnalysisWatch(context, step, planned, frame, sources, kept, state);
  }

  /** How long until the next look. */
  get dueMs(): number {
    return Math.max(0, this.#lookedAt + this.planned.everyMs - this.context.clock.monotonic());
  }

  /**
   * Looks if it is time to, and says what follows.
   *
   * @param leftMs how much of the time of the watch is left
   */
  async look(leftMs: number): Promise<Outcome> {
    const { clock } = this.context;
    const over = leftMs <= 0;
    const isJustOver = over && this.#overSince === null;
    if (over) this.#overSince ??= clock.monotonic();
    else this.#overSince = null;
    // The last word is not one from the past.
    if (this.dueMs === 0 || isJustOver) await this.#look();
    const outcome = this.#outcome(leftMs);
    await this.#keep(outcome.act !== 'wait');
    return outcome;
  }

  #outcome(leftMs: number): Outcome {
    const over = this.#overSince;
    return outcomeOf(
      this.#state,
      this.frame.rules,
      over === null ? leftMs : over - this.context.clock.monotonic(),
    );
  }

  /** What those who watch are told: how many measures are how. */
  get words(): string {
    const judged = this.#state.measures;
    const waiting = judged.filter(({ judgement }) => judgement === 'waiting');
    const good = judged.filter(({ judgement }) => judgement === 'good').length;
    const first = waiting[0];
    return [
      `${good} of ${judged.length} measures good`,
      ...(first ? [`${first.name}: ${first.says}`] : []),
    ].join('; ');
  }

  /** Ends what is still being asked. */
  end(): void {
    this.sources.end();
  }

  async #look(): Promise<void> {
    const { clock } = this.context;
    this.#lookedAt = clock.monotonic();
    const counters = await this.#counters();
    const figures: ReadonlyMap<string, Figure> = this.sources.heard();
    this.#state = looked(this.#state, this.frame, { at: clock.now(), counters, figures });
    this.sources.ask();
  }

  async #counters(): Promise<Counters | null> {
    // A router that counts nothing is not asked for the sake of sources elsewhere.
    if (this.frame.rules.measures.every(({ of }) => of === undefined)) return null;
    try {
      return await this.context.counters(this.planned.everyMs / 4);
    } catch (error) {
      this.context.signal.throwIfAborted();
      this.context.report(`the router was not measured: ${errorRecord(error).message}`);
      return null;
    }
  }

  /** Records what is known: at its end, when a judgement has changed, and after 1, 2, 4, 8 … looks. */
  async #keep(last: boolean): Promise<void> {
    const state = this.#state;
    if (state === this.#kept) return;
    const before = this.#kept?.measures;
    const changed = state.measures.some(({ judgement }, index) => judgement !== before?.[index]?.judgement);
    const isPower = (state.looks & (state.looks - 1)) === 0;
    if (!last && (this.#recorded >= mostRecords || !(changed || isPower))) return;
    const { deployment } = this.context;
    await this.context.record({ type: 'analysis-looked', deployment, step: this.step, state });
    this.#recorded++;
    this.#kept = state;
  }
}
