import { afterEach, expect, test } from 'bun:test';
import { CutoverError } from '../core/errors.ts';
import { isScraper, parseScrapeAddress, serveMetrics, type ScrapeEndpoint } from './scrape-endpoint.ts';

const listen = { host: '127.0.0.1', port: 0 };
let open: ScrapeEndpoint | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

test('a port alone is one of loopback', () => {
  expect(parseScrapeAddress('9180')).toEqual({ host: '127.0.0.1', port: 9180 });
  expect(parseScrapeAddress(':9180')).toEqual({ host: '127.0.0.1', port: 9180 });
  expect(parseScrapeAddress('0.0.0.0:9180')).toEqual({ host: '0.0.0.0', port: 9180 });
  expect(parseScrapeAddress('nowhere')).toBeUndefined();
});

test.each([
  [{ host: '127.0.0.1:9180' }, true],
  [{ host: '[::1]:9180' }, true],
  [{ host: 'localhost:9180' }, true],
  [{ host: 'metrics.internal' }, true],
  [{ host: '127.0.0.1', 'sec-fetch-site': 'none' }, true],
  [{ host: 'rebound.example:9180' }, false],
  [{ host: '127.0.0.1.rebound.example' }, false],
  [{ host: '127.0.0.1', origin: 'http://evil.example' }, false],
  [{ host: '127.0.0.1', origin: 'null' }, false],
  [{ host: '127.0.0.1', 'sec-fetch-site': 'cross-site' }, false],
  [{ host: '127.0.0.1', 'sec-fetch-site': 'same-origin' }, false],
  [{}, false],
] as const)('a request with %j comes from a scraper: %p', (headers, is) => {
  expect(isScraper(new Headers(headers), { host: 'metrics.internal', port: 1 })).toBe(is);
});

test('serves the metrics at /metrics, anew each time, and nothing else', async () => {
  let n = 0;
  open = serveMetrics(listen, () => Promise.resolve(`a ${++n}\n`));
  const at = `http://127.0.0.1:${open.address.port}`;
  const first = await fetch(`${at}/metrics`);
  expect(first.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await first.text()).toBe('a 1\n');
  expect(await (await fetch(`${at}/metrics`)).text()).toBe('a 2\n');
  expect((await fetch(`${at}/`)).status).toBe(404);
  expect((await fetch(`${at}/metrics`, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${at}/metrics`, { headers: { origin: 'http://a.example' } })).status).toBe(403);
});

test('an address that is taken is an error that names it', () => {
  const holder = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  try {
    const address = { host: '127.0.0.1', port: holder.port };
    expect(() => serveMetrics(address, () => Promise.resolve(''))).toThrow(CutoverError);
    expect(() => serveMetrics(address, () => Promise.resolve(''))).toThrow(`127.0.0.1:${holder.port}`);
  } finally {
    holder.stop(true);
  }
});
