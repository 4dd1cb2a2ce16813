import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import type { LogLine } from '../ports/platform.ts';
import { Client } from './client.ts';
import { followLogs, type LogFollower } from './follow-logs.ts';
import { controllerSocket } from './home.ts';
import { FakeController } from './testing/fake-controller.ts';

const path = 'GET /v1/services/shop/logs';
const line = (text: string, more: Partial<LogLine> = {}): LogLine => ({
  layer: 'web',
  index: 0,
  text,
  ...more,
});
const answer = (next: string, lines: readonly LogLine[] = []) => ({
  json: { environment: 'blue', release: 2, lines, next, more: false },
});

let fake: FakeController;
let stop: AbortController;
beforeEach(() => {
  fake = new FakeController();
  mkdirSync(fake.home);
  fake.up();
  stop = new AbortController();
});
afterEach(() => fake.end());

const follow = (follower: LogFollower, waitMs?: number): Promise<unknown> =>
  followLogs(
    new Client(controllerSocket(fake.home)),
    { service: 'shop', environments: ['blue'] },
    follower,
    stop.signal,
    waitMs,
  ).catch((error: unknown) => error);

const over = new Error('over');

test('a follower of logs waits for a controller that is restarted, and goes on where it was', async () => {
  fake.answers = {
    [path]: [answer('a', [line('one')]), answer('b', [line('two')]), answer('c', [line('three')])],
  };
  const told: string[] = [];
  let down = Promise.resolve();
  const ended = await follow({
    wrote(lines) {
      told.push(...lines.map(({ text }) => text));
      if (told.at(-1) === 'two') down = fake.down();
      if (told.at(-1) === 'three') stop.abort(over);
    },
    away(away) {
      told.push(away ? 'away' : 'back');
      if (away) void down.then(() => fake.up());
    },
  });
  expect(ended).toBe(over);
  expect(told).toEqual(['one', 'two', 'away', 'back', 'three']);
  expect(fake.asked.map((asked) => new URL(asked.path, 'http://x').searchParams.get('after'))).toEqual([
    null,
    'a',
    'b',
  ]);
});

test('a follower of logs gets a line that has no end yet when it has one', async () => {
  fake.answers = {
    [path]: [answer('a', [line('one'), line('tw', { unfinished: true })]), answer('b', [line('two')])],
  };
  const told: string[] = [];
  const ended = await follow({
    wrote(lines) {
      told.push(...lines.map(({ text }) => text));
      if (told.at(-1) === 'two') stop.abort(over);
    },
    away: () => undefined,
  });
  expect(ended).toBe(over);
  expect(told).toEqual(['one', 'two']);
});

test('a follower of logs does not wait for a controller that stays away, or was not there', async () => {
  fake.answers = { [path]: answer('a', [line('one')]) };
  const told: boolean[] = [];
  const ended = await follow(
    {
      wrote: (lines) => void (lines.length > 0 && told.length === 0 && fake.down()),
      away: (away) => told.push(away),
    },
    0,
  );
  expect(ended).toMatchObject({ code: 'controller-absent' });
  expect(told).toEqual([true]);
  expect(await follow({ wrote: () => undefined, away: () => told.push(true) })).toMatchObject({
    code: 'controller-absent',
  });
  expect(told).toEqual([true]);
});
