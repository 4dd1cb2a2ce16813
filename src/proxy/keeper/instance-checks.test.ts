import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { ProxyFixture, routeTo, startOrigin, until } from '../../../test/fixtures/proxy.ts';
import { statusRange } from '../../core/instance-policy.ts';
import type { Route } from '../../core/traffic.ts';
import { answeringHttp2 } from '../upstream/instance-peer.fixture.ts';
import { defaultPolicy } from '../worker/instance-care.ts';
import { Origin } from '../worker/rig.fixture.ts';
import { InstanceChecks } from './instance-checks.ts';

const http = { method: 'GET', path: '/health', headers: { 'X-Check': '1' }, from: 200, to: 299 };
const probe = { http, intervalMs: 10, timeoutMs: 500, healthy: 2, unhealthy: 2 };

let status = 200;
let seen: string[];
let server: ReturnType<typeof Bun.serve>;
let route: Route;
beforeEach(() => {
  status = 200;
  seen = [];
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      const { method, url, headers } = request;
      seen = [method, new URL(url).pathname, headers.get('x-check') ?? ''];
      return new Response('x'.repeat(100_000), { status });
    },
  });
  const address = { host: '127.0.0.1', port: server.port ?? 0 };
  route = {
    ...routeTo('shop', 1, 'blue', address, address),
    green: { release: null, instances: [] },
    instancePolicy: { ...defaultPolicy, probe },
  };
});
afterEach(() => server.stop(true));

describe('checks of instances that are healthy', () => {
  test('find one that answers badly, and that it is well again', async () => {
    const told: boolean[] = [];
    const checks = new InstanceChecks((_, sick) => told.push(sick));
    checks.follow({ routes: [route] });
    await until('a check', () => seen.length > 0);
    expect(seen).toEqual(['GET', '/health', '1']);
    expect(checks.sick()).toEqual([]);
    status = 503;
    await until('sick', () => checks.sick().length === 1);
    expect(checks.sick()).toEqual([`shop blue 1 127.0.0.1:${server.port}`]);
    status = 204;
    await until('healthy', () => checks.sick().length === 0);
    expect(told).toEqual([true, false]);
    checks.stop();
  });
  test('find one that takes no connection, or does not answer in time', async () => {
    const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
    const instances = [
      { host: '127.0.0.1', port: 1 },
      { host: '127.0.0.1', port: silent.port },
    ];
    const checks = new InstanceChecks(() => undefined);
    const quick = { ...defaultPolicy, probe: { ...probe, timeoutMs: 30 } };
    checks.follow({ routes: [{ ...route, blue: { release: 1, instances }, instancePolicy: quick }] });
    await until('both sick', () => checks.sick().length === 2);
    const open = { ...defaultPolicy, probe: { ...probe, http: null } };
    checks.follow({ routes: [{ ...route, blue: { release: 1, instances }, instancePolicy: open }] });
    await until('one healthy: it takes connections', () => checks.sick().length === 1);
    checks.stop();
    expect(checks.sick()).toEqual([]);
    silent.stop(true);
  });
  test('read the statuses of a spec', () => {
    expect([204, '204', '2xx', '200-399', '2xx-399'].map(statusRange)).toEqual([
      { from: 204, to: 204 },
      { from: 204, to: 204 },
      { from: 200, to: 299 },
      { from: 200, to: 399 },
      { from: 200, to: 399 },
    ]);
  });
  test('keep the requests of all workers away from a sick one, and the status names it', async () => {
    const proxy = await ProxyFixture.start();
    const good = startOrigin('good');
    try {
      const blue = { release: 1, instances: [...route.blue.instances, good.address] };
      await proxy.router.apply({ ...route, blue });
      const listen = (await proxy.router.read('shop'))!.listen;
      status = 500;
      await until('sick', async () => (await proxy.router.status()).sick.length === 1);
      expect((await proxy.router.status()).sick).toEqual([`shop blue 1 127.0.0.1:${server.port}`]);
      const fromGood = async (): Promise<boolean> => {
        const url = `http://${listen.host}:${listen.port}/`;
        const answers = Array.from({ length: 10 }, async () =>
          (await fetch(url, { headers: { connection: 'close' } })).text(),
        );
        return (await Promise.all(answers)).every((text) => text === 'good');
      };
      await until('all workers told', fromGood);
      expect(await fromGood()).toBe(true);
    } finally {
      await proxy.close();
      await good.close();
    }
  }, 20_000);

  test('ask in HTTP/2 where the side is spoken to so', async () => {
    const asked: string[] = [];
    let answer = '200';
    const origin = new Origin(
      answeringHttp2((stream, peer) => {
        asked.push(`${stream.fields[':path']} ${stream.fields['x-check']}`);
        peer.headers(stream, [[':status', answer]], true);
      }),
    );
    const upstream = { protocol: 'h2', tls: null } as const;
    const checks = new InstanceChecks(() => undefined);
    checks.follow({ routes: [{ ...route, blue: { release: 1, instances: [origin.address], upstream } }] });
    await until('a check', () => asked.length > 0);
    expect(asked[0]).toBe('/health 1');
    expect(checks.sick()).toEqual([]);
    answer = '503';
    await until('sick', () => checks.sick().length === 1);
    // Spoken to as before HTTP/2, it is no better.
    checks.follow({ routes: [{ ...route, blue: { release: 1, instances: [origin.address] } }] });
    answer = '200';
    checks.follow({ routes: [{ ...route, blue: { release: 1, instances: [origin.address], upstream } }] });
    await until('healthy', () => checks.sick().length === 0);
    checks.stop();
    await until('gone', () => origin.wires.every(({ closed, ended }) => closed || ended));
    origin.close();
  });
});
