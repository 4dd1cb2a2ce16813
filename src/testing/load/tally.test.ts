import { expect, test } from 'bun:test';
import { Snapshot } from './snapshot.ts';
import { Tally } from './tally.ts';

const blue = { environment: 'blue', release: '1' };
const green = { environment: 'green', release: '2' };

test('a request belongs to the marks that were set before it began, whenever it ends', () => {
  const tally = new Tally();
  const early = tally.begun();
  const mark = tally.mark();
  const late = tally.begun();
  const second = tally.mark();
  tally.answered(early, blue);
  tally.ended('keep-alive', early);
  tally.answered(late, green);
  tally.ended('close', late);
  expect(tally.begunAfter(mark)).toEqual({
    requests: 1,
    failed: 0,
    byEnvironment: { green: 1 },
    byRelease: { 2: 1 },
  });
  expect(tally.begunAfter(second)).toEqual({ requests: 0, failed: 0, byEnvironment: {}, byRelease: {} });
  expect(tally.snapshot()).toMatchObject({ requests: 2, inFlight: 0, byEnvironment: { blue: 1, green: 1 } });
});

test('failures are counted by reason and kind; the list of them is bounded, the counts are not', () => {
  const tally = new Tally();
  for (let i = 0; i < 150; i++)
    tally.failed('order', tally.begun(), 'POST /orders', 'reset', 'gone', i % 2 ? blue : null);
  const snapshot = tally.snapshot();
  expect(snapshot.failed).toBe(150);
  expect(snapshot.byReason).toEqual({ reset: 150 });
  expect(snapshot.byKind.order).toMatchObject({ requests: 150, failed: 150, p50Ms: null });
  expect(snapshot.failures).toHaveLength(100);
  expect(snapshot.failures[0]).toMatchObject({ kind: 'order', environment: null, detail: 'gone' });
});

test('the latency at the top is of short requests only', () => {
  const tally = new Tally();
  for (let i = 0; i < 100; i++) tally.latency('keep-alive', 900);
  tally.latency('slow', 500_000);
  for (const kind of ['keep-alive', 'slow'] as const) tally.ended(kind, tally.begun());
  const snapshot = tally.snapshot();
  expect(snapshot).toMatchObject({ p50Ms: 0.96, p99Ms: 0.96, maxMs: 0.9 });
  expect(snapshot.byKind.slow?.p50Ms).toBeGreaterThan(500);
  expect(Snapshot.parse(JSON.parse(JSON.stringify(snapshot)))).toEqual(snapshot);
});
