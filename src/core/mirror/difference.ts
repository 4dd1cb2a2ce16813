import type { Step } from './path-rule.ts';

/**
 * What a difference between two answers can be.
 * `missing`, `added`, `changed`, `type`, `order`, `length`: within JSON; `header`: of a header; `format`: JSON on one side only; `text`, `bytes`: of a body that
 * is no JSON; `no-answer`: the idle side gave none.
 */
export const differenceKinds = [
  'no-answer',
  'status',
  'header',
  'format',
  'missing',
  'added',
  'changed',
  'type',
  'order',
  'length',
  'text',
  'bytes',
] as const;
export type DifferenceKind = (typeof differenceKinds)[number];

export interface Difference {
  readonly kind: DifferenceKind;
  /** Where, or between what: `$.items[*].price`, `location`, `200 → 500`. Together with the kind it is the cause. */
  readonly at: string;
  /** What live has there and what the idle side has, as they are: not yet fit to be shown. */
  readonly live: unknown;
  readonly idle: unknown;
  /** The place in JSON; null: it is elsewhere. */
  readonly place: readonly Step[] | null;
  /** How much of two texts is the same, from 0 to 1; 1 for what is no text. */
  readonly likeness: number;
}

export const difference = (
  kind: DifferenceKind,
  at: string,
  live: unknown,
  idle: unknown,
  place: readonly Step[] | null = null,
  likeness = 1,
): Difference => ({ kind, at, live, idle, place, likeness });

/** Two texts of live itself may be a little more alike, or less, than those of both sides. */
const likenessSlack = 0.1;

/** Whether live differs from itself in the same way: then the difference says nothing of the idle side. */
export const explains = (own: Difference, found: Difference): boolean =>
  own.kind === found.kind && own.at === found.at && found.likeness >= own.likeness - likenessSlack;
