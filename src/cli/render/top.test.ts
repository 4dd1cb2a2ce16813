import { expect, test } from 'bun:test';
import type { SideRates } from '../../core/rates.ts';
import { plain } from '../terminal/paint.ts';
import { noon } from '../testing/views.ts';
import { bytes, topLines, topRows, type TopReading } from './top.ts';

const quiet: SideRates = {
  requestsPerSecond: 0,
  errorsPerSecond: 0,
  p50Ms: null,
  p99Ms: null,
  inFlight: 0,
  bytesInPerSecond: 0,
  bytesOutPerSecond: 0,
};
const reading: TopReading = {
  service: 'shop',
  live: 'green',
  weights: null,
  paused: null,
  rates: {
    at: noon,
    seconds: 1,
    blue: quiet,
    green: {
      requestsPerSecond: 12_345.4,
      errorsPerSecond: 0.5,
      p50Ms: 1.25,
      p99Ms: 30,
      inFlight: 64,
      bytesInPerSecond: 1_234_567,
      bytesOutPerSecond: 98_765_432,
    },
    refusedPerSecond: 2,
  },
};

test('both environments stand side by side', () => {
  expect(topLines(reading, plain)).toEqual([
    'shop  12:00:00',
    '',
    '              blue  green live',
    '  requests/s     0      12,345',
    '  errors/s       0         0.5',
    '  p50            –       1.3ms',
    '  p99            –        30ms',
    '  in flight      0          64',
    '  in/s         0 B      1.2 MB',
    '  out/s        0 B       99 MB',
    '',
    '  refused/s  2',
  ]);
});

test('plain rows are one line for each environment', () => {
  expect(topRows(reading)).toEqual([
    '12:00:00  shop  blue  requests/s 0  errors/s 0  p50 –  p99 –  in-flight 0  in/s 0 B  out/s 0 B',
    '12:00:00  shop  green*  requests/s 12,345  errors/s 0.5  p50 1.3ms  p99 30ms  in-flight 64  in/s 1.2 MB  out/s 99 MB',
  ]);
});

const shared: TopReading = {
  ...reading,
  weights: { blue: 12.5, green: 87.5 },
  paused: { by: 'ann', at: noon - 120_000, reason: 'lunch' },
};

test('while both get traffic each part is shown, and a pause with what ends it', () => {
  const lines = topLines(shared, plain);
  expect(lines.slice(2, 5)).toEqual([
    '                blue  green live',
    '  weight      12.5 %      87.5 %',
    '  requests/s       0      12,345',
  ]);
  expect(lines).toContain('  paused by ann 2m ago (lunch): cutover resume shop goes on');
});

test('plain rows say both at their end', () => {
  expect(topRows(shared).map((line) => line.slice(line.indexOf('out/s')))).toEqual([
    'out/s 0 B  weight 12.5 %  paused by ann',
    'out/s 99 MB  weight 87.5 %  paused by ann',
  ]);
});

test('bytes keep their numbers short', () => {
  expect([0, 999, 1000, 9960, 999_600, 5e12].map(bytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '10 kB',
    '1.0 MB',
    '5.0 TB',
  ]);
});
