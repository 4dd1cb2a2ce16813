import { expect, test } from 'bun:test';
import { parseHeaders, tracesUrl } from './span-exporter.ts';

test('headers are read by lines, and a wrong one is told by its number without what is in it', () => {
  expect(parseHeaders('')).toEqual({});
  expect(parseHeaders('# a\r\nA: b c \r\n\r\nd:e:f')).toEqual({ A: 'b c', d: 'e:f' });
  for (const wrong of ['secret', ': secret', 'a b: secret', 'a: sec\u0001ret', 'a: secr\u00e9t']) {
    let message = '';
    try {
      parseHeaders(`ok: 1\n${wrong}`);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('line 2');
    expect(message).not.toContain('sec');
  }
});

test.each([
  ['http://127.0.0.1:4318', 'http://127.0.0.1:4318/v1/traces'],
  ['https://collector.example/', 'https://collector.example/v1/traces'],
  ['https://collector.example/otlp/v1/traces', 'https://collector.example/otlp/v1/traces'],
])('%s takes traces at %s', (endpoint, url) => {
  expect(tracesUrl(endpoint)).toBe(url);
});
