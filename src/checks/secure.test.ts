import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { systemClock } from '../clocks/system.ts';
import { Check } from '../core/spec/check.ts';
import type { RouteUpstream } from '../core/upstream.ts';
import { TestCertificates } from '../proxy/tls/certificates.fixture.ts';
import { createChecker } from './index.ts';

const checker = createChecker({ clock: systemClock });
let files: TestCertificates;
let server: Bun.Server<undefined>;
beforeAll(async () => {
  files = new TestCertificates();
  await files.make('authority');
  await files.make('stranger');
  await files.sign('instance', 'authority', 'DNS:instance.example', 'IP:127.0.0.1');
  await files.sign('controller', 'authority');
  const text = (name: string): string => readFileSync(files.path(name), 'utf8');
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    tls: {
      ...{ cert: text('instance.crt'), key: text('instance.key'), ca: text('authority.crt') },
      ...{ requestCert: true, rejectUnauthorized: true },
    },
    fetch: () => new Response('well'),
  });
});
afterAll(async () => {
  await server.stop(true);
  files[Symbol.dispose]();
});

const check = (what: Record<string, unknown>, more: Partial<NonNullable<RouteUpstream['tls']>> = {}) =>
  checker.run(
    Check.parse(what),
    {
      address: { host: '127.0.0.1', port: server.port ?? 0 },
      variables: {},
      directory: tmpdir(),
      upstream: {
        protocol: 'http1',
        tls: {
          ca: files.path('authority.crt'),
          serverName: null,
          cert: files.path('controller.crt'),
          key: files.path('controller.key'),
          verify: true,
          ...more,
        },
      },
    },
    2000,
  );

test('checks speak TLS to instances as the proxy does, with a certificate of their own', async () => {
  const found = await check({ http: { path: '/', contains: 'well' } });
  expect(found.detail).toStartWith('GET /: 200 after');
  expect(found.ok).toBeTrue();
  expect((await check({ tcp: true })).ok).toBeTrue();
  expect((await check({ tcp: true }, { serverName: 'instance.example' })).ok).toBeTrue();
});

test.each([
  ['whose authority is not trusted', { ca: 'stranger.crt' }, 'no TLS with 127.0.0.1:'],
  ['that is for another name', { serverName: 'other.example' }, 'no TLS with 127.0.0.1:'],
  ['that cannot be read', { ca: 'absent' }, 'a file of router.upstream.tls cannot be read: ENOENT'],
] as const)('a certificate %s fails them, and is told', async (_, tls, says) => {
  const more = 'ca' in tls ? { ca: files.path(tls.ca) } : tls;
  for (const what of [{ tcp: true }, { http: { path: '/' } }]) {
    const found = await check(what, more);
    expect(found.ok).toBeFalse();
    expect(found.detail).toContain(says);
  }
  if (!('ca' in tls && tls.ca === 'absent'))
    expect((await check({ tcp: true }, { ...more, verify: false })).ok).toBeTrue();
});

test('checks speak HTTP/2 to instances that are spoken to so', async () => {
  const program = `
    const http2 = require('node:http2');
    const server = http2.createServer();
    // A check that has read enough closes the connection, whatever is still on its way.
    server.on('session', (session) => session.on('error', () => undefined));
    server.on('stream', (stream, { ':path': path, ':authority': authority, 'x-check': check }) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': path === '/bad' ? 503 : 200 });
      stream.end(path + ' ' + authority + ' ' + check + (path === '/long' ? 'x'.repeat(2000000) : ''));
    });
    server.listen(0, '127.0.0.1', () => console.log(server.address().port));
  `;
  const child = Bun.spawn([process.execPath, '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let port = 0;
    for await (const line of child.stdout) {
      port = Number(new TextDecoder().decode(line));
      break;
    }
    const ask = (what: Record<string, unknown>, at = port, timeoutMs = 2000) =>
      checker.run(
        Check.parse(what),
        {
          address: { host: '127.0.0.1', port: at },
          variables: {},
          directory: tmpdir(),
          upstream: { protocol: 'h2', tls: null },
        },
        timeoutMs,
      );
    const headers = { 'X-Check': 'yes', Host: 'shop.example' };
    expect(await ask({ http: { path: '/a b', contains: '/a%20b shop.example yes', headers } })).toMatchObject(
      {
        ok: true,
      },
    );
    expect((await ask({ http: { path: '/bad' } })).detail).toContain('expected status 2xx, found 503');
    expect((await ask({ http: { path: '/long', contains: 'never' } })).detail).toContain('bytes without it');
    expect((await ask({ http: { path: '/', method: 'HEAD' } })).ok).toBeTrue();
    expect((await ask({ tcp: true })).ok).toBeTrue();
    const old = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('old') });
    expect(await ask({ http: { path: '/' } }, old.port, 300)).toMatchObject({ ok: false });
    await old.stop(true);
  } finally {
    child.kill();
    await child.exited;
  }
});
