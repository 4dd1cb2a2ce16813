import { combine, quantileMs, samples } from '../latency.ts';
import type { Measure, ProxyMeasure } from '../spec/analysis.ts';
import type { Counters, SideCounters } from '../traffic.ts';
import { quantileOf, shareOf } from './figures.ts';
import type { Frame } from './frame.ts';
import type { MeasureState } from './state.ts';

type LimitState = MeasureState['limit'];
export type Limit = NonNullable<Measure['limit']>;

/** The state of a limit after a look, and what was judged; null: nothing yet. */
export interface Measured {
  readonly limit: LimitState;
  readonly found: number | null;
}

const within = (value: number, { max, min }: Limit): boolean =>
  value <= (max?.value ?? Infinity) && value >= (min?.value ?? -Infinity);

/** Judges a value by the limit: breaches count in a row. */
export function judged(state: LimitState, value: number, limit: Limit): LimitState {
  return {
    ...state,
    of: 0,
    bad: 0,
    latency: [],
    breaches: within(value, limit) ? 0 : state.breaches + 1,
    judged: true,
  };
}

/** Judges what the proxy counted since it was last judged, as soon as that is of `least` requests. */
export function limited(
  state: LimitState,
  of: ProxyMeasure,
  limit: Limit,
  least: number,
  fresh: SideCounters,
): Measured {
  const share = shareOf(of, fresh);
  const q = quantileOf(of);
  const sofar = {
    ...state,
    of: state.of + share.of,
    bad: state.bad + share.bad,
    latency: q === null ? [] : combine(state.latency, fresh.latency, 1),
  };
  const count = q === null ? sofar.of : samples(sofar.latency);
  if (count < least) return { limit: sofar, found: null };
  const value = q === null ? sofar.bad / sofar.of : (quantileMs(sofar.latency, q) ?? 0);
  return { limit: judged(sofar, value, limit), found: value };
}

/** What the proxy can tell of a moment, and of ejections since it is watched; null if the measure is about requests. */
export function ofAMoment(
  of: ProxyMeasure,
  counters: Counters,
  fresh: SideCounters,
  { colour, slots }: Frame,
): number | null {
  switch (of) {
    case 'in-flight':
      return counters[colour].inFlight;
    case 'saturation':
      return slots === null ? null : counters[colour].inFlight / slots;
    case 'queued':
      return counters.queued;
    case 'ejected':
      return fresh.ejected;
    default:
      return null;
  }
}
