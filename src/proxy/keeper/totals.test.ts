import { expect, test } from 'bun:test';
import { emptySide, nothingTold } from '../../core/traffic.ts';
import type { WorkerCounters } from './messages.ts';
import { restartDelayMs } from './fleet.ts';
import { Totals } from './totals.ts';

const counted = (requests: number, inFlight: number): WorkerCounters => ({
  shop: {
    at: 1,
    blue: { ...emptySide(), requests, inFlight, latency: [[3, requests]] },
    green: emptySide(),
    refused: { '400': 1 },
    told: { lines: 3, linesDropped: 1, spans: 2, spansDropped: 4 },
    queued: 5,
  },
});

test('a total over workers that are here and gone only grows, and what a dead one had in flight has failed', () => {
  const totals = new Totals();
  const before = totals.of('shop', [counted(5, 2), counted(7, 1)], 'boot', 10);
  expect(before).toMatchObject({
    bootId: 'boot',
    at: 10,
    blue: { requests: 12, inFlight: 3, latency: [[3, 12]] },
    refused: { '400': 2 },
    told: { lines: 6, linesDropped: 2, spans: 4, spansDropped: 8 },
    queued: 10,
  });
  totals.retire(counted(5, 2));
  const after = totals.of('shop', [counted(7, 1)], 'boot', 11);
  expect(after.queued).toBe(5);
  expect(after.blue).toMatchObject({ requests: 12, inFlight: 1, failed: { 'worker-lost': 2 } });
});

test('a service that nobody counted has zeros', () => {
  expect(new Totals().of('blog', [counted(1, 0)], 'boot', 1)).toEqual({
    bootId: 'boot',
    at: 1,
    blue: emptySide(),
    green: emptySide(),
    refused: {},
    told: nothingTold,
    queued: 0,
  });
});

test('a worker is replaced at once, and one that keeps ending at longer and longer intervals', () => {
  expect([0, 1, 2, 3, 7, 50].map(restartDelayMs)).toEqual([0, 100, 200, 400, 5000, 5000]);
});
