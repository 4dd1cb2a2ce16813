import { afterAll, beforeAll, expect, test } from 'bun:test';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { ProxyFixture, routeTo, startOrigin, until, type Origin } from '../../../test/fixtures/proxy.ts';
import type { RouteTls } from '../../core/traffic.ts';
import { parseExposition } from '../../testing/exposition-parser.ts';
import { curl, TestCertificates, tlsWith } from './certificates.fixture.ts';

const anyPort = { host: '127.0.0.1', port: 0 };
let files: TestCertificates;
let proxy: ProxyFixture;
let origin: Origin;
let certificate: RouteTls['certificates'][number];
beforeAll(async () => {
  files = new TestCertificates();
  certificate = await files.make('shop', 'shop.example');
  proxy = await ProxyFixture.start(1);
  origin = startOrigin('hello');
});
afterAll(async () => {
  await proxy.close();
  await origin.close();
  files[Symbol.dispose]();
});

test('TLS comes and goes with the route, at the same address, with a redirect from http', async () => {
  const { router } = proxy;
  const plain = (epoch: number) => routeTo('shop', epoch, 'blue', origin.address, origin.address);
  await router.apply(plain(1));
  const { port } = (await router.read('shop'))!.listen;
  const trust = ['--cacert', certificate.cert, '--resolve', `shop.example:${port}:127.0.0.1`];
  expect((await curl(`http://127.0.0.1:${port}/`)).text).toBe('hello');

  await router.apply({ ...plain(2), tls: tlsWith([certificate], { redirect: anyPort }) });
  const secured = await router.read('shop');
  expect(secured?.listen.port).toBe(port);
  expect((await curl(...trust, `https://shop.example:${port}/`)).text).toBe('hello');
  const from = `http://127.0.0.1:${secured!.tls!.redirect!.port}`;
  const redirected = await curl('--include', '--header', 'Host: shop.example:80', `${from}/a?b=c`);
  expect(redirected.text).toStartWith('HTTP/1.1 308 ');
  expect(redirected.text).toContain(`\r\nLocation: https://shop.example:${port}/a?b=c\r\n`);
  expect((await curl(`${from}/.well-known/acme-challenge/token`)).text).toBe('hello');

  const metrics = parseExposition(
    await (await fetch('http://proxy/v1/metrics', { unix: router.socket })).text(),
  );
  const validity = metrics.find(({ name }) => name === 'cutover_proxy_certificate_not_after_seconds');
  expect(validity?.samples).toMatchObject([{ labels: { service: 'shop', file: certificate.cert } }]);
  const notAfter = new X509Certificate(readFileSync(certificate.cert)).validTo;
  expect(validity!.samples[0]!.value).toBe(Date.parse(notAfter) / 1000);

  const broken = { ...plain(3), tls: tlsWith([{ ...certificate, key: files.path('absent') }]) };
  const refused: unknown = await router.apply(broken).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'certificate-invalid' });
  expect((await router.read('shop'))?.epoch).toBe(2);

  const key = await Bun.file(certificate.key).text();
  writeFileSync(certificate.key, 'rubbish');
  await until('a warning', async () =>
    (await router.status()).warnings.some((warning) => warning.includes('the one before is served')),
  );
  expect((await curl(...trust, `https://shop.example:${port}/`)).text).toBe('hello');
  writeFileSync(certificate.key, key);
  await until('no warning', async () => (await router.status()).warnings.length === 0);

  await router.apply(plain(4));
  expect((await curl(`http://127.0.0.1:${port}/`)).text).toBe('hello');
}, 15_000);
