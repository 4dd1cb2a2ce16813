// The same protocol against an authority that others wrote: Pebble, of Let's Encrypt.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { ChallengeKind } from '../../src/core/certificate-authority.ts';
import { curl, TestCertificates, tlsWith } from '../../src/proxy/tls/certificates.fixture.ts';
import { ProxyFixture, routeTo, startOrigin, until } from '../fixtures/proxy.ts';

setDefaultTimeout(90_000);

const programs = [Bun.which('pebble'), Bun.which('pebble-challtestsrv')];
const patienceMs = 60_000;
const anyPort = { host: '127.0.0.1', port: 0 };

/** Ports that nobody has just now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('it listens nowhere');
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

describe.skipIf(programs.includes(null))('Pebble', () => {
  let files: TestCertificates;
  beforeAll(async () => {
    files = new TestCertificates();
    await files.make('pebble', 'localhost');
  });
  afterAll(() => files[Symbol.dispose]());

  test.each(['http-01', 'tls-alpn-01'] as const)('signs after %s', async (challenge: ChallengeKind) => {
    const origin = startOrigin('hello');
    const proxy = await ProxyFixture.start(2);
    const children: Bun.Subprocess[] = [];
    const start = (...words: string[]): void => {
      // A fifth of all nonces is refused, as it may happen anywhere; nothing is slept for.
      const env = { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '20' };
      children.push(Bun.spawn(words, { env, stdio: ['ignore', 'ignore', 'ignore'] }));
    };
    try {
      const [port = 0, management = 0, dns = 0, dnsManagement = 0] = await freePorts(4);
      await proxy.router.apply({
        ...routeTo('shop', 1, 'blue', origin.address, origin.address),
        tls: tlsWith([], {
          redirect: anyPort,
          acme: {
            hosts: ['shop.example'],
            email: 'admin@shop.example',
            directory: `https://localhost:${port}/dir`,
            ca: files.path('pebble.crt'),
            challenge,
          },
        }),
      });
      const route = await proxy.router.read('shop');
      const config = files.path(`${challenge}.json`);
      writeFileSync(
        config,
        JSON.stringify({
          pebble: {
            listenAddress: `127.0.0.1:${port}`,
            managementListenAddress: `127.0.0.1:${management}`,
            certificate: files.path('pebble.crt'),
            privateKey: files.path('pebble.key'),
            httpPort: route!.tls!.redirect!.port,
            tlsPort: route!.listen.port,
          },
        }),
      );
      start(
        ...['pebble-challtestsrv', '-management', `127.0.0.1:${dnsManagement}`, '-dns01', `127.0.0.1:${dns}`],
        ...['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv4', '127.0.0.1', '-defaultIPv6', ''],
      );
      start('pebble', '-strict', '-config', config, '-dnsserver', `127.0.0.1:${dns}`);
      await until(
        'a certificate',
        async () => (await proxy.router.status()).certificates[0]?.issuer?.startsWith('Pebble') ?? false,
        patienceMs,
      );
      const root = await curl('--insecure', `https://localhost:${management}/roots/0`);
      writeFileSync(files.path('root.pem'), root.text);
      const { port: at } = route!.listen;
      await until(
        'it is served',
        async () =>
          (
            await curl(
              ...['--resolve', `shop.example:${at}:127.0.0.1`, '--cacert', files.path('root.pem')],
              `https://shop.example:${at}/`,
            )
          ).text === 'hello',
        patienceMs,
      );
      expect((await proxy.router.status()).warnings).toEqual([]);
    } finally {
      for (const child of children) child.kill();
      await Promise.all(children.map(({ exited }) => exited));
      await proxy.close();
      await origin.close();
    }
  });
});
