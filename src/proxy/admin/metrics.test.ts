import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';
import { ProxyFixture, routeTo, startOrigin, type Origin } from '../../../test/fixtures/proxy.ts';
import { parseExposition } from '../../testing/exposition-parser.ts';

// Starts processes; on a machine that is busy with others that takes its time.
setDefaultTimeout(20_000);

let blue: Origin;
let green: Origin;
let proxy: ProxyFixture;
beforeEach(async () => {
  blue = startOrigin('blue');
  green = startOrigin('green');
  proxy = await ProxyFixture.start(2);
});
afterEach(async () => {
  await proxy.close();
  await Promise.all([blue.close(), green.close()]);
});

test('metrics count what went through all workers, in a form that a strict parser reads', async () => {
  await proxy.router.apply(routeTo('shop', 4, 'blue', blue.address, green.address));
  const route = await proxy.router.read('shop');
  const at = `http://127.0.0.1:${route?.listen.port}/`;
  for (let n = 0; n < 5; n++) await (await fetch(at, { headers: { connection: 'close' } })).text();

  const response = await fetch('http://proxy/v1/metrics', { unix: proxy.router.socket });
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const samples = parseExposition(await response.text()).flatMap((family) => family.samples);
  const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
    samples.find((sample) => sample.name === `cutover_proxy_${name}` && Bun.deepEquals(sample.labels, labels))
      ?.value;
  const of = (environment: string) => ({ service: 'shop', environment });
  expect(value('requests_total', of('blue'))).toBe(5);
  expect(value('requests_total', of('green'))).toBe(0);
  expect(value('responses_total', { ...of('blue'), class: '2xx' })).toBe(5);
  expect(value('failures_total', { ...of('blue'), cause: 'connect-failed' })).toBe(0);
  expect(value('request_duration_seconds_count', of('blue'))).toBe(5);
  expect(value('in_flight', of('blue'))).toBe(0);
  expect(value('sent_bytes_total', of('blue'))).toBeGreaterThan(100);
  expect(value('live', of('blue'))).toBe(1);
  expect(value('live', of('green'))).toBe(0);
  expect(value('release', of('green'))).toBe(2);
  expect(value('epoch', { service: 'shop' })).toBe(4);
  expect(value('table_version')).toBe(1);
  expect(value('workers')).toBe(2);
  expect(value('workers_ready')).toBe(2);
  for (const name of ['ejected_total', 'instances_sick']) expect(value(name, of('blue'))).toBe(0);
  for (const name of [
    'access_log_lines_total',
    'access_log_dropped_total',
    'spans_sent_total',
    'spans_dropped_total',
    'queued',
  ])
    expect(value(name, { service: 'shop' })).toBe(0);
  expect(value('mode', { service: 'shop', mode: 'open' })).toBe(1);
  expect(value('mode', { service: 'shop', mode: 'held' })).toBe(0);
});
