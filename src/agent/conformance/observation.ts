/** What one look at somebody's endpoints has shown. */
export interface Observation {
  readonly look: string;
  readonly result: 'ok' | 'warn' | 'fail';
  /** What was found; if it is not as it should be, also what was expected. */
  readonly found: string;
  readonly next?: string;
}
