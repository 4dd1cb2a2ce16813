import type { Paint } from '../terminal/paint.ts';
import { harmless, padded } from '../terminal/text.ts';

/** What one look found. `fail`: something that Cutover cannot do without; `warn`: something that it will be worse off without. */
export interface Finding {
  readonly look: string;
  readonly result: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** What to do about it. */
  readonly next?: string;
}

export const ok = (look: string, found: string): Finding => ({ look, result: 'ok', found });
export const warn = (look: string, found: string, next: string): Finding => ({
  look,
  result: 'warn',
  found,
  next,
});
export const fail = (look: string, found: string, next: string): Finding => ({
  look,
  result: 'fail',
  found,
  next,
});

/** The findings for people, a line for each, with what to do below. */
export function findingLines(findings: readonly Finding[], paint: Paint): string[] {
  const width = Math.max(...findings.map(({ look }) => look.length));
  const marks = { ok: paint.green('✓'), warn: paint.yellow('!'), fail: paint.red('✗') };
  const lines = findings.flatMap(({ look, result, found, next }) => [
    `${marks[result]} ${padded(look, width)}  ${harmless(found)}`,
    ...(next === undefined ? [] : [`  ${' '.repeat(width)}  ${paint.bold('next:')} ${harmless(next)}`]),
  ]);
  const bad = findings.filter(({ result }) => result === 'fail').length;
  const doubtful = findings.filter(({ result }) => result === 'warn').length;
  const sum =
    bad > 0
      ? paint.red(`${bad} to mend`)
      : doubtful > 0
        ? paint.yellow(`fit for work, ${doubtful} to look at`)
        : paint.green('all is well');
  return [...lines, '', sum];
}
