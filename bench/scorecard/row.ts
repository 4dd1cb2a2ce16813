import type { Running } from '../proxy/running.ts';

/** What a row came to. */
export interface Score {
  /** Numbers by name, as they stand in the table and in the file. */
  readonly measured: Readonly<Record<string, number | string>>;
  readonly held: boolean;
  /** Why the run says nothing: too little was asked, or nothing was broken. Null if it counts. */
  readonly void: string | null;
  /** What went wrong, the first few, for a person. */
  readonly examples: readonly string[];
}

/** One row of the scorecard: a promise and how it is measured. */
export interface ScoreRow {
  readonly row: number;
  readonly goal: string;
  /** How long a run takes if nobody says how long. */
  readonly usualMinutes: number;
  /** Runs for about so long. */
  run(running: Running, minutes: number): Promise<Score>;
}

/** What failed, counted, with the first few in words. */
export class Faults {
  count = 0;
  readonly examples: string[] = [];

  add(what: string): void {
    this.count++;
    if (this.examples.length < 10) this.examples.push(what.slice(0, 500));
  }
}

/** A moment after which a row begins nothing new. */
export class Until {
  private readonly end: number;
  constructor(minutes: number) {
    this.end = performance.now() + minutes * 60_000;
  }
  get over(): boolean {
    return performance.now() >= this.end;
  }
}
