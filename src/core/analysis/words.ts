import { formatDuration } from '../duration-text.ts';
import type { Quantity, Unit } from '../spec/analysis.ts';

const number = (value: number): string =>
  Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));

/** A value for people: `1.2%`, `12ms`, `5`. */
export function formatFigure(value: number, unit: Unit): string {
  if (unit === 'ms') return formatDuration(value);
  return unit === 'share' ? `${number(100 * value)}%` : number(value);
}

/** A count with thousands apart: `3,120`. */
export const formatCount = (count: number): string =>
  String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');

export const requests = (count: number): string =>
  `${formatCount(count)} ${count === 1 ? 'request' : 'requests'}`;

/** A limit for people: `at most 1%`, `from 1 to 5`. */
export function formatLimit(
  { max, min }: { readonly max?: Quantity | undefined; readonly min?: Quantity | undefined },
  unit: Unit,
): string {
  const [most, least] = [max, min].map((each) =>
    each === undefined ? null : formatFigure(each.value, unit),
  );
  if (most !== null && least !== null) return `from ${least} to ${most}`;
  return most === null ? `at least ${least ?? ''}` : `at most ${most}`;
}
