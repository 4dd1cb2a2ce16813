import { z } from 'zod';
import { formatDuration } from './duration-text.ts';
import type { RollbackSpec } from './spec/rollback.ts';
import type { KnownWrites } from './write-tally.ts';

/** Is going back still safe? */
export const Verdict = z.discriminatedUnion('verdict', [
  z.object({ verdict: z.literal('safe') }),
  z.object({
    verdict: z.literal('lossy'),
    /** The unsafe requests (RFC 9110 §9.2.1) that the live side has answered since it got the traffic. */
    writes: z.number(),
    /** There may have been more: some were not counted. */
    atLeast: z.literal(true).optional(),
    /** What the release's own command said, if that is what makes it lossy. */
    why: z.string().optional(),
  }),
  z.object({ verdict: z.literal('unsafe'), why: z.string() }),
]);
export type Verdict = z.infer<typeof Verdict>;

/** What the command of a release (`rollback.verdict`) says about going back from it. */
export interface VerdictAnswer {
  readonly verdict: Verdict['verdict'];
  readonly why: string;
}

const longestWhy = 500;
const printed = /^(safe|lossy|unsafe)(?::\s*(\S.*))?$/;

/**
 * What a command that ended well has said: its last line, `safe`, `lossy` or `unsafe`, which may be followed by a colon and why. Anything
 * else is unsafe: who cannot answer must not be taken to have agreed.
 */
export function answerOf(lines: readonly string[]): VerdictAnswer {
  const last = lines.findLast((line) => line.trim() !== '')?.trim() ?? '';
  const [, verdict, why = ''] = printed.exec(last) ?? [];
  if (verdict === 'safe' || verdict === 'lossy' || verdict === 'unsafe')
    return { verdict, why: why.slice(0, longestWhy) };
  return {
    verdict: 'unsafe',
    why: `its command was expected to print safe, lossy or unsafe at its end, found ${last === '' ? 'nothing' : JSON.stringify(last.slice(0, 100))}`,
  };
}

/**
 * The verdict about going back from a release. What the release says of itself (`rollback.unsafe`) comes first, then what its command says,
 * then the count of the writes.
 *
 * @param sinceMs how long the release has had the traffic
 * @param answer absent: the release has no command
 */
export function verdictOf(
  rules: RollbackSpec,
  writes: KnownWrites,
  sinceMs: number,
  answer?: VerdictAnswer,
): Verdict {
  const { unsafe } = rules;
  if (unsafe) {
    const because = unsafe.reason === undefined ? '' : `: ${unsafe.reason}`;
    if (unsafe.always) return { verdict: 'unsafe', why: `the release says so from its switch on${because}` };
    if (unsafe.writes !== undefined && writes.count > unsafe.writes)
      return {
        verdict: 'unsafe',
        why: `${writes.count} writes were answered since the switch, more than the ${unsafe.writes} that the release allows${because}`,
      };
    if (unsafe.after !== undefined && sinceMs >= unsafe.after)
      return {
        verdict: 'unsafe',
        why: `the release has been live for ${formatDuration(sinceMs)}, expected less than ${formatDuration(unsafe.after)}${because}`,
      };
  }
  const counted = { writes: writes.count, ...(writes.atLeast && { atLeast: true as const }) };
  if (answer?.verdict === 'unsafe')
    return { verdict: 'unsafe', why: answer.why === '' ? 'the command of the release says so' : answer.why };
  if (answer?.verdict === 'safe') return { verdict: 'safe' };
  if (answer?.verdict === 'lossy')
    return { verdict: 'lossy', ...counted, ...(answer.why !== '' && { why: answer.why }) };
  if (writes.count === 0 && !writes.atLeast) return { verdict: 'safe' };
  return { verdict: 'lossy', ...counted };
}

const order = ['safe', 'lossy', 'unsafe'] as const;

/** Whether a deployment may be taken back by itself although its traffic has moved. */
export const mayGoBackByItself = ({ automatic }: RollbackSpec, { verdict }: Verdict): boolean =>
  automatic === 'always' || order.indexOf(verdict) <= order.indexOf(automatic);

/** Of several services that go back as one: the worst, which says whose it is; null if none of them has one. */
export function worstVerdict(
  verdicts: readonly { readonly service: string; readonly verdict: Verdict | null }[],
): Verdict | null {
  const [worst] = verdicts
    .flatMap(({ service, verdict }) => (verdict ? [{ service, verdict }] : []))
    .sort(
      (a, b) =>
        order.indexOf(b.verdict.verdict) - order.indexOf(a.verdict.verdict) ||
        writesOf(b.verdict) - writesOf(a.verdict),
    );
  if (!worst) return null;
  const { service, verdict } = worst;
  if (verdict.verdict === 'safe') return verdict;
  const why = verdict.why === undefined ? `that is ${service}` : `${service}: ${verdict.why}`;
  return { ...verdict, why: why.slice(0, 500) };
}

const writesOf = (verdict: Verdict): number => (verdict.verdict === 'lossy' ? verdict.writes : 0);

/** The verdict for people, in one line. */
export function describeVerdict(verdict: Verdict): string {
  switch (verdict.verdict) {
    case 'safe':
      return 'safe';
    case 'lossy': {
      const { writes, atLeast, why } = verdict;
      const words = `${atLeast ? 'at least ' : ''}${writes} ${writes === 1 ? 'write was' : 'writes were'} answered by the new side since the switch`;
      const gap = atLeast ? '; not all could be counted' : '';
      return `lossy: ${words}${gap}${why === undefined ? '' : `; ${why}`}`;
    }
    case 'unsafe':
      return `unsafe: ${verdict.why}`;
  }
}
