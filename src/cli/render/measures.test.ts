import { expect, test } from 'bun:test';
import type { Judged } from '../../core/analysis/state.ts';
import { plain } from '../terminal/paint.ts';
import { harmless } from '../terminal/text.ts';
import { measureLines } from './measures.ts';

const judged = (name: string, judgement: Judged['judgement'], says: string): Judged => ({
  name,
  judgement,
  says,
  value: null,
  other: null,
  unit: 'share',
  samples: 0,
});

test('a measure is a line with its judgement, its name and what was found, and nothing in it moves the cursor', () => {
  expect(
    measureLines(
      [
        judged('failures', 'good', '0% against 0% of blue: no worse (alpha 0.25%), 3,120 requests'),
        judged('p99', 'bad', '1s, at most 200ms allowed'),
        judged('orders', 'waiting', 'connection \u001b[2Jrefused'),
        judged('queue', 'none', 'nothing'),
      ],
      plain,
    ),
  ).toEqual([
    '✓ failures  0% against 0% of blue: no worse (alpha 0.25%), 3,120 requests',
    '✗ p99       1s, at most 200ms allowed',
    `… orders    ${harmless('connection \u001b[2Jrefused')}`,
    '– queue     nothing',
  ]);
  expect(measureLines([], plain)).toEqual([]);
});
