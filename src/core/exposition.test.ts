import { describe, expect, test } from 'bun:test';
import { parseExposition } from '../testing/exposition-parser.ts';
import { distribution, exposition, latencyDistribution } from './exposition.ts';
import { bucketLimitUs, bucketOf } from './latency.ts';

describe('exposition', () => {
  test('writes families that a strict parser reads back', () => {
    const text = exposition([
      {
        name: 'a_total',
        help: 'What "a" is,\nwith a \\.',
        type: 'counter',
        samples: [
          { labels: { service: 'sh"o\\p\n' }, value: 3 },
          { labels: {}, value: 1e21 },
        ],
      },
      { name: 'b', help: 'B.', type: 'gauge', samples: [{ labels: {}, value: -0.5 }] },
      { name: 'empty', help: 'Left out.', type: 'gauge', samples: [] },
      {
        name: 'c_seconds',
        help: 'C.',
        type: 'histogram',
        distributions: [distribution({ x: 'y' }, [0.5, 1, 7], [1, 5])],
      },
    ]);
    expect(text).toStartWith('# HELP a_total What "a" is,\\nwith a \\\\.\n# TYPE a_total counter\n');
    const [a, b, c] = parseExposition(text);
    expect(a?.samples[0]?.labels).toEqual({ service: 'sh"o\\p\n' });
    expect(a?.samples[1]?.value).toBe(1e21);
    expect(b?.samples[0]?.value).toBe(-0.5);
    expect(c?.samples.map(({ name, labels, value }) => [name, labels['le'], value])).toEqual([
      ['c_seconds_bucket', '1', 2],
      ['c_seconds_bucket', '5', 2],
      ['c_seconds_bucket', '+Inf', 3],
      ['c_seconds_sum', undefined, 8.5],
      ['c_seconds_count', undefined, 3],
    ]);
  });

  test('counts latencies exactly at each limit, also the longest, and sums them within 6 %', () => {
    const values = [1, 100, 127.9, 128, 5000, 1e6, 70e6, 2 ** 33];
    const histogram = values.map((us): [number, number] => [bucketOf(us), 1]);
    const { buckets, sum } = latencyDistribution({}, histogram);
    for (const { le, count } of buckets) expect(count).toBe(values.filter((us) => us < le * 1e6).length);
    expect(buckets.at(-1)).toEqual({ le: Infinity, count: values.length });
    expect(sum).toBeGreaterThan(0);
    const usual = [100, 5000, 1e6].map((us): [number, number] => [bucketOf(us), 1]);
    expect(Math.abs(latencyDistribution({}, usual).sum / 1.0051 - 1)).toBeLessThan(0.0625);
    expect(bucketLimitUs(bucketOf(127.9))).toBe(128);
  });

  test.each([
    ['a 1', 'the last line has no end'],
    ['a 1\n', 'before any TYPE'],
    ['# HELP a A.\n# TYPE a gauge\na 1\na 2\n', 'came before'],
    ['# HELP a A.\n# TYPE a counter\na 1\n', '_total'],
    ['# HELP a A.\n# TYPE a gauge\nb 1\n', 'another family'],
    ['# HELP a A.\n# TYPE a gauge\na{x="\\q"} 1\n', 'label'],
    ['# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n', '+Inf'],
  ])('the parser of the tests refuses %j', (text, why) => {
    expect(() => parseExposition(text)).toThrow(why);
  });
});
