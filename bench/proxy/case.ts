import type { CaseResult } from './result.ts';
import type { Running } from './running.ts';

/** How long and how often to measure. */
export interface Effort {
  readonly rounds: number;
  /** Of each peer in each round. */
  readonly seconds: number;
}

/** A kind of traffic that is measured. */
export interface ProxyCase {
  /** What `--case` takes. */
  readonly key: string;
  readonly name: string;
  run(effort: Effort, running: Running): Promise<CaseResult>;
}
