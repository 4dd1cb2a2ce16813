import type { NoticesView, NoticeTestView } from '../../server/api.ts';
import type { Paint } from '../terminal/paint.ts';
import { table } from '../terminal/table.ts';
import { harmless } from '../terminal/text.ts';
import { count, moment } from './words.ts';

const columns = [
  { title: 'TARGET' },
  { title: 'EVENT' },
  { title: '#', align: 'right' },
  { title: 'WHEN' },
  { title: '' },
] as const;
const shown = 20;

const nobody = (service: string): string =>
  `${service}: nobody is told; notify in the spec of a release says who is`;

/** Who is told, what is still to be told, and what was told last. */
export function noticeLines({ service, targets, due, ended, counts }: NoticesView, paint: Paint): string[] {
  const lines =
    targets.length === 0
      ? [nobody(paint.bold(service))]
      : [`${paint.bold(service)} tells ${targets.map(harmless).join(', ')}`];
  for (const [name, { sent, givenUp }] of Object.entries(counts))
    lines.push(paint.dim(`  ${harmless(name)}: ${count(sent)} told, ${count(givenUp)} given up`));
  const rows = [
    ...due.map(({ name, on, deployment, at }) => [
      harmless(name),
      on,
      deployment === null ? '' : String(deployment),
      moment(at),
      paint.yellow('still to be told'),
    ]),
    ...ended
      .slice(0, shown)
      .map(({ name, on, deployment, at, sent, detail }) => [
        harmless(name),
        on,
        deployment === null ? '' : String(deployment),
        moment(at),
        sent ? paint.green('told') : paint.red(`given up: ${harmless(detail)}`),
      ]),
  ];
  return rows.length === 0 ? lines : [...lines, ...table(columns, rows, paint.dim)];
}

/** What came of a test, a line for each target. */
export const noticeTestLines = (service: string, tests: readonly NoticeTestView[], paint: Paint): string[] =>
  tests.length === 0
    ? [nobody(paint.bold(service))]
    : tests.map(
        ({ name, ok, detail }) =>
          `${ok ? paint.green('✓') : paint.red('✗')} ${harmless(name)}: ${harmless(detail)}`,
      );
