import { alternatives } from './evidence.ts';

/** Of so many requests so many are of the kind that is counted: failed, slower than a threshold. */
export interface Share {
  readonly of: number;
  readonly bad: number;
}

/** How much worse counts as no worse: shares up to `ratio` times the other side's, and `margin` on top. */
export interface Allowed {
  readonly ratio: number;
  readonly margin: number;
}

/**
 * The logarithms of likelihood ratios, by alternative, of one look at two sides that had traffic in the same time: for `Evidence`.
 *
 * With n and m requests, and at most `ratio` r allowed, a bad request is the new side's with probability t0 = nr / (nr + m) at most, which
 * is the conditional test of two rates (J. Przyborowski, H. Wilenski, Biometrika 31, 1940); an alternative g times as bad says
 * t1 = nrg / (nrg + m). The ratio of x bad ones here and y there is (t1/t0)^x ((1-t1)/(1-t0))^y e^(-n margin (t1/t0 - 1)).
 *
 * Its expectation is at most 1 for whatever independent requests, also where each has a probability of its own, as long as the mean p of
 * the new side's is at most r times the mean q of the other's plus the margin: with a = t1/t0 and b = (1-t1)/(1-t0) it is at most
 * exp(np(a-1) + mq(b-1) - n margin (a-1)), by 1 + u <= e^u, and nr(a-1) + m(b-1) = 0.
 */
export function sideBySide(fresh: Share, against: Share, { ratio, margin }: Allowed): number[] {
  const n = fresh.of * ratio;
  const m = against.of;
  return alternatives.map((times) => {
    const b = (n + m) / (n * times + m);
    const a = times * b;
    // Where one side had no request there is nothing to compare.
    if (n === 0 || m === 0) return 0;
    return fresh.bad * Math.log(a) + against.bad * Math.log(b) - fresh.of * margin * (a - 1);
  });
}

/**
 * The same for one side against a share `known` that is allowed to it: A. Wald's ratio (Ann. Math. Stat. 16, 1945) of alternatives with
 * `alternatives` times the odds. Its expectation is at most 1 as long as the mean probability of the requests is at most `known`.
 */
export function againstKnown({ of, bad }: Share, known: number): number[] {
  return alternatives.map((times) => {
    const worse = (times * known) / (1 - known + times * known);
    return bad * Math.log(worse / known) + (of - bad) * Math.log((1 - worse) / (1 - known));
  });
}
