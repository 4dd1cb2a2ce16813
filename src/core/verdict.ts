/** Is going back still safe? `lossy` counts the unsafe requests (RFC 9110 §9.2.1) that the new side has answered since the switch. */
export type Verdict =
  | { readonly verdict: 'safe' }
  | { readonly verdict: 'lossy'; readonly writes: number }
  | { readonly verdict: 'unsafe'; readonly why: string };

/** The verdict for people, in one line. */
export function describeVerdict(verdict: Verdict): string {
  switch (verdict.verdict) {
    case 'safe':
      return 'safe';
    case 'lossy':
      return `lossy: ${verdict.writes} ${verdict.writes === 1 ? 'write was' : 'writes were'} answered by the new side since the switch`;
    case 'unsafe':
      return `unsafe: ${verdict.why}`;
  }
}
