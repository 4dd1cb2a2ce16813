/** How long clients keep what they are told: as in normal times, or as around a switch. */
export type Keeping = 'usual' | 'short';

/** Of a router whose clients keep for a while where it has sent them, as those of the DNS do. Times in milliseconds. */
export interface Caching {
  readonly usualMs: number;
  readonly shortMs: number;
  /** How much longer than they are allowed to clients are taken to keep it. */
  readonly marginMs: number;
  /** It tells how many requests come to each side, so that late clients are seen. */
  readonly observed: boolean;
  /** For how long nobody must have come to a side before it counts as left; where that is observed. */
  readonly quietMs: number;
  /** How long late clients are waited for after their time is over; where they are observed. */
  readonly lateAtMostMs: number;
}
