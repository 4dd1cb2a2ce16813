import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Random } from '../../testing/load/random.ts';
import { alternatives, isProof, logEvidence, noEvidence, withRatios, type Evidence } from './evidence.ts';
import { againstKnown, sideBySide } from './share-test.ts';

const binomial = (random: Random, of: number, p: number): number => {
  let bad = 0;
  for (let each = 0; each < of; each++) if (random.next() < p) bad++;
  return bad;
};

/** In how many of the runs, looked at so often, the evidence is ever enough, and how many looks it took on average. */
function alarms(
  runs: number,
  looks: number,
  alpha: number,
  ratios: (random: Random, look: number) => number[],
): { share: number; lookOfAlarm: number } {
  let raised = 0;
  let sum = 0;
  for (let run = 0; run < runs; run++) {
    const random = new Random(7919 * run + 1);
    let evidence: Evidence = noEvidence();
    for (let look = 0; look < looks; look++) {
      evidence = withRatios(evidence, ratios(random, look));
      if (!isProof(evidence, alpha)) continue;
      raised++;
      sum += look + 1;
      break;
    }
  }
  return { share: raised / runs, lookOfAlarm: sum / Math.max(1, raised) };
}

const allowed = { ratio: 1.2, margin: 0.001 };
/** Both sides at the very edge of what is allowed, where false alarms are most likely. */
const edge = (of: number, to: number, q: number) => (random: Random) =>
  sideBySide(
    { of, bad: binomial(random, of, q * allowed.ratio + allowed.margin) },
    { of: to, bad: binomial(random, to, q) },
    allowed,
  );

test('no evidence is none, and looks that say nothing leave it so', () => {
  expect(logEvidence(noEvidence())).toBeCloseTo(0, 12);
  let evidence = noEvidence();
  for (let look = 0; look < 1000; look++)
    evidence = withRatios(
      evidence,
      alternatives.map(() => 0),
    );
  expect(logEvidence(evidence)).toBeCloseTo(0, 9);
});

test('a likelihood ratio of two sides has an expectation of at most 1 while the side is no worse than allowed', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 12 }),
      fc.double({ min: 0, max: 0.6, noNaN: true }),
      fc.double({ min: 1, max: 1.5, noNaN: true }),
      fc.double({ min: 0, max: 0.05, noNaN: true }),
      (n, m, q, ratio, margin) => {
        const p = Math.min(1, q * ratio + margin);
        const mass = (of: number, bad: number, share: number): number => {
          let ways = 1;
          for (let each = 0; each < bad; each++) ways = (ways * (of - each)) / (each + 1);
          return ways * share ** bad * (1 - share) ** (of - bad);
        };
        const expectation = alternatives.map(() => 0);
        for (let x = 0; x <= n; x++)
          for (let y = 0; y <= m; y++)
            sideBySide({ of: n, bad: x }, { of: m, bad: y }, { ratio, margin }).forEach((log, index) => {
              expectation[index] = expectation[index]! + mass(n, x, p) * mass(m, y, q) * Math.exp(log);
            });
        for (const each of expectation) expect(each).toBeLessThanOrEqual(1 + 1e-9);
      },
    ),
    { numRuns: 200 },
  );
});

test('a likelihood ratio against a known share has an expectation of 1 at that share and less below it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.double({ min: 0.001, max: 0.9, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (of, known, part) => {
        for (const [share, atMost] of [
          [known, 1 + 1e-9],
          [known * part, 1 + 1e-9],
        ] as const) {
          const sums = alternatives.map(() => 0);
          let ways = 1;
          for (let bad = 0; bad <= of; bad++) {
            const mass = ways * share ** bad * (1 - share) ** (of - bad);
            againstKnown({ of, bad }, known).forEach((log, index) => {
              sums[index] = sums[index]! + mass * Math.exp(log);
            });
            ways = (ways * (of - bad)) / (bad + 1);
          }
          for (const sum of sums) expect(sum).toBeLessThanOrEqual(atMost);
          if (share === known) for (const sum of sums) expect(sum).toBeCloseTo(1, 8);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('looked at 200 times, a side at the edge of what is allowed raises an alarm in no more runs than alpha says', () => {
  for (const [of, to, q] of [
    [20, 180, 0.01],
    [100, 100, 0.05],
    [50, 50, 0.5],
  ] as const) {
    const { share } = alarms(2000, 200, 0.05, edge(of, to, q));
    // Three standard deviations of 2,000 runs above 5 %.
    expect(share).toBeLessThan(0.05 + 3 * Math.sqrt((0.05 * 0.95) / 2000));
  }
}, 60_000);

test('with no failure on the other side, alarms are as rare as stated', () => {
  const { share } = alarms(2000, 200, 0.01, (random) =>
    sideBySide({ of: 50, bad: binomial(random, 50, 0.001) }, { of: 50, bad: 0 }, allowed),
  );
  expect(share).toBeLessThan(0.01 + 3 * Math.sqrt((0.01 * 0.99) / 2000));
});

test('a test that is made as if it were the only one would raise many more: what the evidence is for', () => {
  // A plain test at each look, by the normal approximation: P(ever below 5 % in 200 looks) is far above 5 %.
  let raised = 0;
  for (let run = 0; run < 300; run++) {
    const random = new Random(run);
    let [x, y, n] = [0, 0, 0];
    for (let look = 0; look < 200; look++) {
      x += binomial(random, 100, 0.05);
      y += binomial(random, 100, 0.05);
      n += 100;
      const pooled = (x + y) / (2 * n);
      if ((x - y) / n / Math.sqrt((2 * pooled * (1 - pooled)) / n) > 1.645) {
        raised++;
        break;
      }
    }
  }
  expect(raised / 300).toBeGreaterThan(0.2);
});

test('one failure in fifty is found within some hundred requests, in a canary of a tenth as in one of a half', () => {
  const canary = alarms(300, 200, 0.01, (random) =>
    sideBySide({ of: 10, bad: binomial(random, 10, 0.02) }, { of: 90, bad: 0 }, allowed),
  );
  expect(canary.share).toBe(1);
  expect(canary.lookOfAlarm * 10).toBeLessThan(500);
  const half = alarms(300, 200, 0.01, (random) =>
    sideBySide({ of: 50, bad: binomial(random, 50, 0.02) }, { of: 50, bad: 0 }, allowed),
  );
  expect(half.share).toBe(1);
  expect(half.lookOfAlarm * 50).toBeLessThan(1200);
});

test('a side that does badly only after an hour of doing well is found as fast, but for a few looks', () => {
  const bad = (random: Random, from: number, look: number): number[] =>
    sideBySide({ of: 100, bad: binomial(random, 100, look < from ? 0 : 0.02) }, { of: 100, bad: 0 }, allowed);
  const [at, hour] = [0, 3600].map(
    (from) => alarms(50, from + 200, 0.01, (random, look) => bad(random, from, look)).lookOfAlarm - from,
  );
  expect(hour!).toBeLessThan(3 * at! + 10);
});
