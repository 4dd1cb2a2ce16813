/** From a value to a place on the page. */
export type Scale = (value: number) => number;

export const scale =
  (from: number, to: number, low: number, high: number): Scale =>
  (value) =>
    round(low + ((value - from) / (to - from || 1)) * (high - low));

/** A tenth of a pixel is as fine as anybody sees, and keeps the page small. */
export const round = (n: number): number => Math.round(n * 10) / 10;

/** About `count` round values from 0 to at least `most`, in steps of 1, 2 or 5 times a power of ten. */
export function ticks(most: number, count: number): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10) * power;
  const last = Math.ceil(most / step - 1e-9);
  // Multiplied and not added up: no 0.30000000000000004 on an axis.
  return Array.from({ length: last + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}
