import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatDuration } from './duration.ts';
import { Limits, RouteLimits, sameLimits } from './limits.ts';

test('the page has each limit with its default, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/limits.md'), 'utf8');
  const told = [...page.matchAll(/^\| `(\w+)` +\| (\S+) +\|/gm)].map(([, name, value]) => `${name} ${value}`);
  const times = new Set([
    'idle',
    'headTime',
    'bodyIdle',
    'total',
    'connect',
    'response',
    'responseIdle',
    'queueWait',
  ]);
  const defaults = Object.entries(Limits.parse({}));
  expect(told).toEqual(
    defaults.map(([name, value]) => `${name} ${times.has(name) ? formatDuration(value) : value}`),
  );
  expect(Object.keys(RouteLimits.shape)).toEqual(Object.keys(Limits.shape));
});

test('limits are compared key by key', () => {
  expect(sameLimits(undefined, undefined)).toBe(true);
  expect(sameLimits({ body: 1, idle: 2 }, { idle: 2, body: 1 })).toBe(true);
  expect(sameLimits({ body: 1 }, { body: 2 })).toBe(false);
  expect(sameLimits({ body: 1 }, undefined)).toBe(false);
});
