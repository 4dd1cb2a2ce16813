/** What a source of figures is asked, with nothing left to fill in. Files by absolute paths; times in milliseconds. */
export type Question =
  | {
      readonly kind: 'prometheus';
      readonly url: string;
      readonly query: string;
      readonly tokenFile: string | null;
      readonly timeoutMs: number;
    }
  | {
      readonly kind: 'http';
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
      /** A JSONPath to the number or the verdict; null: the status is the verdict. */
      readonly json: string | null;
      readonly tokenFile: string | null;
      readonly wants: 'number' | 'verdict';
      readonly timeoutMs: number;
    };

/** `away`: it did not say anything that can be judged; why, in one line. */
export type Answer =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'verdict'; readonly ok: boolean; readonly detail: string }
  | { readonly kind: 'away'; readonly why: string };

/**
 * Asks a source of figures, once. It resolves with what was said, never rejects for a bad source, and ends within the question's time or
 * when the signal is aborted, whatever the source does. No secret stands in an answer.
 */
export interface Gauge {
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
}
