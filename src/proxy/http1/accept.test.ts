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
