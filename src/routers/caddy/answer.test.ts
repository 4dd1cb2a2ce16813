import { expect, test } from 'bun:test';
import { routeTo } from '../../../test/fixtures/proxy.ts';
import { answerIn } from './answer.ts';
import { dealt } from './render.ts';
import { inFlightIn } from './upstreams.ts';

const chunked =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: ETag\r\n\r\n5\r\nnull\n\r\n0\r\nEtag: "/config/ 0e7c22ea"\r\n\r\n';

test('the tag of what was read stands in the trailer', () => {
  expect(answerIn(Buffer.from(chunked))).toEqual({
    status: 200,
    body: 'null\n',
    etag: '"/config/ 0e7c22ea"',
  });
});

test('an answer that was cut anywhere is none', () => {
  for (let length = 0; length < chunked.length; length++)
    expect(answerIn(Buffer.from(chunked.slice(0, length)))).toBeNull();
  const plain = 'HTTP/1.1 412 Precondition Failed\r\nContent-Length: 2\r\n\r\n{}';
  expect(answerIn(Buffer.from(plain))).toEqual({ status: 412, body: '{}', etag: null });
  expect(answerIn(Buffer.from(plain.slice(0, -1)))).toBeNull();
});

test('what is in flight is that of the addresses asked for', () => {
  const body =
    '[{"address":"127.0.0.1:1","num_requests":3},{"address":"[::1]:2","num_requests":2},{"address":"127.0.0.1:3","num_requests":9}]';
  const at = [
    { host: '127.0.0.1', port: 1 },
    { host: '::1', port: 2 },
  ];
  expect(inFlightIn({ status: 200, body, etag: null }, at)).toBe(5);
  expect(() => inFlightIn({ status: 404, body: '', etag: null }, at)).toThrow('expected its upstreams');
});

const addresses = (count: number, from: number) =>
  Array.from({ length: count }, (_, n) => ({ host: '127.0.0.1', port: from + n }));

test.each([
  [1, 1, 99, 1],
  [3, 2, 3, 1],
  [2, 7, 50, 50],
  [1, 1, 10_000, 1],
])(
  '%d and %d instances get the parts %d and %d, and each of them something',
  (ofBlue, ofGreen, blue, green) => {
    const [first = { host: '', port: 0 }] = addresses(1, 1);
    const route = {
      ...routeTo('shop', 1, 'blue', first, first),
      blue: { release: 1, instances: addresses(ofBlue, 1000) },
      green: { release: 2, instances: addresses(ofGreen, 2000) },
      weights: { blue, green },
    };
    const slots = dealt(route);
    expect(slots.length).toBeLessThanOrEqual(10_000);
    expect(new Set(slots.map(({ port }) => port)).size).toBe(ofBlue + ofGreen);
    const toGreen = slots.filter(({ port }) => port >= 2000).length;
    expect(Math.abs(toGreen / slots.length - green / (blue + green))).toBeLessThan(0.0001);
  },
);
