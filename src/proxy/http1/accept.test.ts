import { expect, test } from 'bun:test';
import { prefersJson } from './accept.ts';

const head = (...fields: string[]): string => ['GET / HTTP/1.1', ...fields, '', ''].join('\r\n');

test('JSON is for clients that name it and want pages less', () => {
  for (const accept of [
    'application/json',
    'application/json, text/plain, */*',
    'APPLICATION/Problem+JSON',
    'application/json;q=0.5, text/html;q=0.4',
    'application/vnd.api+json;charset=utf-8',
    'application/json; q=1.000',
  ])
    expect([accept, prefersJson(head(`Accept: ${accept}`))]).toEqual([accept, true]);
  expect(prefersJson(head('aCCept:text/css', 'X: y', 'ACCEPT: application/json'))).toBe(true);
});

test('a page is for all others', () => {
  for (const accept of [
    '',
    '*/*',
    'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'text/html, application/json',
    'text/*, application/json;q=0.9',
    'application/json;q=0',
    'application/json;q=2',
    'application/json;q=0.0001',
    'application/jsonp',
    'text/json',
  ])
    expect([accept, prefersJson(head(`Accept: ${accept}`))]).toEqual([accept, false]);
  expect(prefersJson(head())).toBe(false);
  expect(prefersJson(head('X-Accept: application/json'))).toBe(false);
});

test('what takes long to write does not take long to read', () => {
  const long = 30_000;
  const started = performance.now();
  for (const accept of [
    `application/json;q=${' '.repeat(long)}x`,
    `application/json;${' '.repeat(long)}q${' '.repeat(long)}=1x`,
    `application/${'+json'.repeat(long / 5)}x`,
    'a/b;q=1,'.repeat(long / 8),
    `text/html${' '.repeat(long)}`,
  ])
    expect(prefersJson(head(`Accept: ${accept}`))).toBe(false);
  // Backtracking would take seconds for each.
  expect(performance.now() - started).toBeLessThan(1000);
});
