import type { ErrorRecord } from '../../core/errors.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless } from '../terminal/text.ts';

const listed = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];

/** What an error says to a person: the message, its problems one by one, what to do, and the end of the log. */
export function errorLines({ message, next, detail }: ErrorRecord, paint: Paint): string[] {
  const [first = '', ...rest] = message.split('\n');
  const lines = [`${paint.red('cutover:')} ${harmless(first)}`, ...rest.map((line) => `  ${harmless(line)}`)];
  const problems = listed(detail?.problems);
  // A message may say them already.
  if (!problems.every((problem) => message.includes(problem))) {
    lines.push(...problems.flatMap((problem) => problem.split('\n').map((line) => `  ${harmless(line)}`)));
  }
  if (next !== undefined) lines.push(`  ${paint.bold('next:')} ${harmless(next)}`);
  for (const line of [...listed(detail?.['output']), ...listed(detail?.log)]) {
    lines.push(`  ${paint.dim(`| ${harmless(line)}`)}`);
  }
  return lines;
}
