import { expect, test } from 'bun:test';
import { Running } from '../../bench/proxy/running.ts';
import { duplicates } from '../../bench/scorecard/duplicates.ts';
import type { Score, ScoreRow } from '../../bench/scorecard/row.ts';
import { smuggling } from '../../bench/scorecard/smuggling.ts';
import { truncations } from '../../bench/scorecard/truncations.ts';
import { webSockets } from '../../bench/scorecard/websockets.ts';

/** A row of the scorecard, for seconds instead of minutes: nothing may go wrong in it. */
async function run(row: ScoreRow): Promise<Score> {
  const running = new Running(new AbortController().signal);
  try {
    return await row.run(running, 0.08);
  } finally {
    await running.endAll();
  }
}

test('a POST takes effect once at most, wherever its instance dies', async () => {
  const { measured, examples } = await run(duplicates);
  expect(examples).toEqual([]);
  expect(measured).toMatchObject({ duplicates: 0 });
  expect(measured['deaths']).toBeGreaterThan(20);
  expect(measured['succeeded']).toBeGreaterThan(20);
}, 60_000);

test('a client has the whole response or knows that it has not, whatever an instance does', async () => {
  const { measured, examples } = await run(truncations);
  expect(examples).toEqual([]);
  expect(measured).toMatchObject({ 'silent truncations': 0 });
  expect(measured['requests']).toBeGreaterThan(50);
}, 60_000);

test('nothing that two strict readers read in two ways reaches an instance', async () => {
  const { measured, examples } = await run(smuggling);
  expect(examples).toEqual([]);
  expect(measured['mutations']).toBeGreaterThan(50);
  expect(measured['forwarded']).toBeGreaterThan(20);
}, 60_000);

test('a WebSocket cannot tell whether the proxy is there, and lives until the deadline of a drain', async () => {
  const { measured, examples, held } = await run(webSockets);
  expect(examples).toEqual([]);
  expect(held).toBe(true);
  expect(measured['same']).toBeGreaterThan(250);
}, 180_000);
