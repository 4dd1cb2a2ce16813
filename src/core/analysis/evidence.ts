import { z } from 'zod';

/** How many times worse than what is allowed the alternatives are that a test has in mind, all equally likely beforehand. */
export const alternatives = [1.25, 1.5, 2, 3, 5, 10, 30, 100] as const;

/** The logarithm of nothing, as a number that JSON can hold. */
const nothing = -1e9;
/** Beyond this no more certainty is kept. */
const most = 600;

/**
 * How much speaks for "worse than allowed" against "no worse than allowed", after any number of looks: an e-process.
 *
 * Each look multiplies in one likelihood ratio for each alternative, whose expectation is at most 1 as long as the side is no worse (the
 * makers of these are in `share-test.ts`). Their mixture is a nonnegative supermartingale that begins at 1, so by Ville's inequality
 * (J. Ville, 1939) the probability that it ever reaches 1/alpha is at most alpha, however often it is looked at and whenever one stops:
 * the mixture sequential probability ratio test of H. Robbins (Ann. Math. Stat. 41, 1970), used for comparisons of releases as in
 * R. Johari, L. Pekelis, D. Walsh, "Always Valid Inference" (Oper. Res. 70, 2022). That is how a false alarm rate can be stated.
 *
 * It is also a mixture over the look at which things got worse, with weights 1/(s(s+1)) that add up to 1: so a side that is fine for an
 * hour and then bad is found out at the price of a factor, and an hour of good news cannot outweigh it.
 */
export const Evidence = z.object({
  looks: z.int().min(0),
  /** For each alternative the logarithm of its sum over all beginnings so far. */
  logs: z.array(z.number()).length(alternatives.length),
});
export type Evidence = z.infer<typeof Evidence>;

export const noEvidence = (): Evidence => ({ looks: 0, logs: alternatives.map(() => nothing) });

/** ln(e^a + e^b) */
function together(a: number, b: number): number {
  const [more, less] = a > b ? [a, b] : [b, a];
  return more + Math.log1p(Math.exp(less - more));
}

/** With one more look; `ratios` are the logarithms of its likelihood ratios, in the order of `alternatives`. */
export function withRatios({ looks, logs }: Evidence, ratios: readonly number[]): Evidence {
  const look = looks + 1;
  const begins = -Math.log(look * (look + 1));
  return {
    looks: look,
    logs: logs.map((log, index) =>
      Math.max(nothing, Math.min(most, together(log, begins) + (ratios[index] ?? 0))),
    ),
  };
}

/** The logarithm of the evidence: 0 is none; at ln(1/alpha) "no worse" is given up. */
export function logEvidence({ looks, logs }: Evidence): number {
  const mixed = logs.reduce(together) - Math.log(logs.length);
  // What begins at a later look has seen nothing yet and counts 1 each: their weights add up to this.
  return together(mixed, -Math.log(looks + 1));
}

/** Whether the evidence is enough at this false alarm rate. */
export const isProof = (evidence: Evidence, alpha: number): boolean =>
  logEvidence(evidence) >= -Math.log(alpha);
