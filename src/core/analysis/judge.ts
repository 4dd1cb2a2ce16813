import { other, type Colour } from '../colour.ts';
import { quantileMs, samples } from '../latency.ts';
import { nameOf, unitOf, type Measure, type ProxyMeasure } from '../spec/analysis.ts';
import { combineSides, emptySide, type Counters, type SideCounters } from '../traffic.ts';
import { compared, type Addition } from './comparison.ts';
import { noEvidence } from './evidence.ts';
import { quantileOf, shareOf } from './figures.ts';
import { leastOf, toleranceOf, type Figure, type Frame, type Tolerance } from './frame.ts';
import { judged, limited, ofAMoment } from './limit.ts';
import { againstKnown } from './share-test.ts';
import { isProof, withRatios } from './evidence.ts';
import type { AnalysisState, Judgement, MeasureState } from './state.ts';
import { formatCount, formatFigure, formatLimit, requests } from './words.ts';

/** What is seen at a look. */
export interface Look {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The proxy's; null if it did not answer. */
  readonly counters: Counters | null;
  /** What sources outside have said since the look before, by the names of their measures. */
  readonly figures: ReadonlyMap<string, Figure>;
}

/** Nothing is known yet. `seen`: from where on it is counted; null: from the first look. */
export const begun = ({ rules }: Frame, since: number, seen: Counters | null): AnalysisState => ({
  since,
  looks: 0,
  seen,
  fresh: emptySide(),
  against: emptySide(),
  measures: rules.measures.map((measure) => ({
    name: nameOf(measure),
    judgement: 'waiting',
    says: measure.of === undefined ? 'not asked yet' : 'not looked at yet',
    value: null,
    other: null,
    unit: unitOf(measure),
    samples: 0,
    limit: { of: 0, bad: 0, latency: [], breaches: 0, judged: false },
    test: {
      evidence: noEvidence(),
      pending: { fresh: { of: 0, bad: 0 }, against: { of: 0, bad: 0 }, above: null },
      ranks: 0,
      nextRank: 0,
      proven: false,
    },
    // A source that was never heard is one that does not answer.
    awaySince: measure.of === undefined ? since : null,
  })),
});

/** The state after one more look. Pure: what is judged follows from the figures alone. */
export function looked(state: AnalysisState, frame: Frame, look: Look): AnalysisState {
  const addition = additionOf(state, frame, look);
  const after = {
    fresh: combineSides(addition.fresh, state.fresh, 1),
    against: combineSides(addition.against, state.against, 1),
  };
  const measures = frame.rules.measures.map((measure, index): MeasureState => {
    const before = state.measures[index];
    if (before === undefined) throw new RangeError(`measure ${index} has no state`);
    // What is bad stays so: it is on its way back.
    if (before.judgement === 'bad') return before;
    const { of } = measure;
    if (of === undefined) return ofFigure(before, measure, frame, look);
    return ofProxy(before, { ...measure, of }, frame, look, addition, after);
  });
  return {
    since: state.since,
    looks: state.looks + 1,
    seen: look.counters ?? state.seen,
    ...after,
    measures,
  };
}

/** What was counted since the look before; a proxy that was started in between counts from nothing. */
function additionOf(
  { seen, since, fresh, against }: AnalysisState,
  frame: Frame,
  { counters }: Look,
): Addition {
  const { colour, settleMs } = frame;
  const delta = (side: Colour): SideCounters => {
    if (counters === null || seen === null) return emptySide();
    const base = seen.bootId === counters.bootId ? seen[side] : emptySide();
    return { ...combineSides(counters[side], base, -1), inFlight: 0 };
  };
  const mine = delta(colour);
  // What was counted before it had settled is not told apart from what came behind, so the whole span is left out.
  const settled = seen !== null && seen.at >= since + settleMs;
  return {
    fresh: settled ? mine : { ...mine, latency: [] },
    against: delta(other(colour)),
    before: { fresh, against },
  };
}

function ofProxy(
  state: MeasureState,
  measure: Measure & { readonly of: ProxyMeasure },
  frame: Frame,
  look: Look,
  addition: Addition,
  after: Pick<AnalysisState, 'fresh' | 'against'>,
): MeasureState {
  const { of, limit, failAfter } = measure;
  const { against, rules } = frame;
  const unit = unitOf(measure);
  if (look.counters === null)
    return away(
      state,
      look.at,
      'the router did not answer',
      state.limit.judged || state.judgement === 'good',
    );
  const moment = ofAMoment(of, look.counters, after.fresh, frame);
  if (moment !== null && limit !== undefined) {
    const next = judged(state.limit, moment, limit);
    const bad = next.breaches >= failAfter;
    return {
      ...state,
      limit: next,
      value: moment,
      samples: state.samples + 1,
      awaySince: null,
      judgement: bad ? 'bad' : 'good',
      says: `${formatFigure(moment, unit)}, ${formatLimit(limit, unit)} allowed${rowOf(next.breaches, failAfter)}`,
    };
  }
  if (of === 'saturation')
    return {
      ...state,
      judgement: 'none',
      says: 'its instances take any number: router.limits.perInstance is 0',
    };
  const least = leastOf(measure, rules);
  const q = quantileOf(of) ?? (of === 'latency' ? 0.5 : null);
  const value = valueOf(of, q, after.fresh);
  const count = q === null ? shareOf(of, after.fresh).of : samples(after.fresh.latency);
  const figures = against?.when === 'before' ? against.figures : after.against;
  const others = against === null ? null : valueOf(of, q, figures);
  const parts: { readonly judgement: Judgement; readonly says: string }[] = [];
  let next: MeasureState = { ...state, value, other: others, samples: count, awaySince: null };

  if (limit !== undefined) {
    const measured = limited(state.limit, of, limit, least, addition.fresh);
    next = { ...next, limit: measured.limit };
    const { breaches, judged: ever, of: waiting } = measured.limit;
    const bad = breaches >= failAfter;
    const shown = bad && measured.found !== null ? measured.found : value;
    parts.push({
      judgement: bad ? 'bad' : ever ? 'good' : 'waiting',
      says: ever
        ? `${shown === null ? '–' : formatFigure(shown, unit)}, ${formatLimit(limit, unit)} allowed${rowOf(breaches, failAfter)}`
        : `${formatCount(q === null ? waiting : samples(measured.limit.latency))} of ${requests(least)} yet, ${formatLimit(limit, unit)} allowed`,
    });
  }
  const tolerance = toleranceOf(measure);
  if (tolerance !== null) {
    if (against === null) {
      if (limit === undefined) return { ...next, judgement: 'none', says: noOther };
    } else {
      const { test, lacks } = compared(
        state.test,
        measure,
        tolerance,
        least,
        { ...frame, against },
        addition,
      );
      next = { ...next, test };
      const versus = `against ${others === null ? 'nothing' : formatFigure(others, unit)} of ${against.colour}${against.when === 'before' ? ' before the switch' : ''}`;
      const verdict = test.proven
        ? `worse by more than is allowed (${toleranceWords(tolerance, unit)}, alpha ${formatFigure(frame.alpha, 'share')})`
        : (lacks ?? `no worse (alpha ${formatFigure(frame.alpha, 'share')})`);
      parts.push({
        judgement: test.proven ? 'bad' : lacks === null ? 'good' : 'waiting',
        says: `${value === null ? 'nothing' : formatFigure(value, unit)} ${versus}: ${verdict}`,
      });
    }
  }
  const worst =
    parts.find(({ judgement }) => judgement === 'bad') ??
    parts.find(({ judgement }) => judgement === 'waiting');
  const says = `${(worst ?? parts[0])?.says ?? ''}, ${requests(count)}`;
  return { ...next, judgement: worst?.judgement ?? 'good', says };
}

const noOther = 'no other side with traffic to compare with';

const valueOf = (of: ProxyMeasure, q: number | null, side: SideCounters): number | null => {
  if (q !== null) return quantileMs(side.latency, q);
  const share = shareOf(of, side);
  return share.of === 0 ? null : share.bad / share.of;
};

const rowOf = (breaches: number, failAfter: number): string =>
  breaches === 0 || failAfter === 1 ? '' : ` (breach ${breaches} of ${failAfter} in a row)`;

const toleranceWords = ({ ratio, margin }: Tolerance, unit: MeasureState['unit']): string =>
  `by ${formatFigure(ratio - 1, 'share')}${margin === 0 ? '' : ` and ${formatFigure(margin, unit)}`}`;

/** It does not answer: what was judged before stands for the moment, but the end of the watch waits for it. */
const away = (state: MeasureState, at: number, why: string, known: boolean): MeasureState => ({
  ...state,
  judgement: 'waiting',
  awaySince: state.awaySince ?? at,
  says: `${why}${known ? '; it was good before' : ''}`.slice(0, 500),
});

/** What a source outside says; without an answer since the look before, nothing changes. */
function ofFigure(state: MeasureState, measure: Measure, frame: Frame, { at, figures }: Look): MeasureState {
  const figure = figures.get(state.name);
  if (figure === undefined) return state;
  const { limit, failAfter } = measure;
  const { unit } = state;
  if (figure.kind === 'away') return away(state, at, figure.why, state.judgement === 'good');
  const next = { ...state, awaySince: null, samples: state.samples + 1 };
  if (figure.kind === 'verdict') {
    const breaches = figure.ok ? 0 : state.limit.breaches + 1;
    const bad = breaches >= failAfter;
    return {
      ...next,
      limit: { ...state.limit, breaches, judged: true },
      judgement: bad ? 'bad' : 'good',
      says: `${figure.detail}${rowOf(breaches, failAfter)}`.slice(0, 500),
    };
  }
  const { fresh, against } = figure;
  let judgement: Judgement = 'good';
  const says: string[] = [];
  let { limit: limitState, test } = state;
  if (limit !== undefined) {
    limitState = judged(state.limit, fresh, limit);
    if (limitState.breaches >= failAfter) judgement = 'bad';
    says.push(
      `${formatFigure(fresh, unit)}, ${formatLimit(limit, unit)} allowed${rowOf(limitState.breaches, failAfter)}`,
    );
  }
  const tolerance = toleranceOf(measure);
  if (tolerance !== null && frame.against?.when === 'same-minutes' && against !== null) {
    // A sign test: if the side were no worse, at most half of the answers would say that it is.
    const worse = fresh > Math.max(against * tolerance.ratio, against + tolerance.margin);
    const evidence = withRatios(test.evidence, againstKnown({ of: 1, bad: worse ? 1 : 0 }, 0.5));
    test = { ...test, evidence, proven: test.proven || isProof(evidence, frame.alpha) };
    if (test.proven) judgement = 'bad';
    says.push(
      `${formatFigure(fresh, unit)} against ${formatFigure(against, unit)} of ${frame.against.colour}: ${test.proven ? 'worse' : 'no worse'} (${formatCount(next.samples)} answers, alpha ${formatFigure(frame.alpha, 'share')})`,
    );
  } else if (tolerance !== null && limit === undefined) {
    return { ...next, value: fresh, judgement: 'none', says: noOther };
  }
  return {
    ...next,
    limit: limitState,
    test,
    value: fresh,
    other: against,
    judgement,
    says: says.join('; ').slice(0, 500),
  };
}
