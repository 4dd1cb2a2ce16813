import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import type { RouteTls } from '../../core/traffic.ts';
import { answering, ok, Rig } from '../worker/rig.fixture.ts';
import { examineCertificates } from './certificate-watch.ts';
import { Certificates } from './certificates.ts';
import { curl, TestCertificates, tlsWith } from './certificates.fixture.ts';

let files: TestCertificates;
let a: RouteTls['certificates'][number];
let b: RouteTls['certificates'][number];
beforeAll(async () => {
  files = new TestCertificates();
  a = await files.make('a', 'a.example');
  b = await files.make('b', 'b.example', '*.b.example');
  await files.make('ca');
  await files.sign('client', 'ca');
});
afterAll(() => files[Symbol.dispose]());

async function rigWith(tls: RouteTls, script = answering((head) => ok(head))): Promise<Rig> {
  const rig = await Rig.start({}, tls);
  rig.route({ blue: [rig.origin(script).address] });
  return rig;
}
/** curl's request for a host that is at the rig. */
const ask = (rig: Rig, host: string, ...args: string[]): ReturnType<typeof curl> =>
  curl('--resolve', `${host}:${rig.address.port}:127.0.0.1`, ...args, `https://${host}:${rig.address.port}/`);
const trusting = (name: string): string[] => ['--cacert', files.path(`${name}.crt`)];

describe('TLS', () => {
  test('brings requests to the live side, which is told that they came by https', async () => {
    await using rig = await rigWith(tlsWith([a]));
    const { text, code } = await ask(rig, 'a.example', ...trusting('a'));
    expect(code).toBe(0);
    expect(text).toContain('X-Forwarded-Proto: https\r\n');
    expect(text).toContain('proto=https');
    expect(rig.side()).toMatchObject({ requests: 1, inFlight: 0, failed: {}, status: { '2xx': 1 } });
  });
  test.each([
    ['1.2', '1.2', 0],
    ['1.3', '1.3', 0],
    ['1.0', '1.1', 35],
  ])('from %s to %s ends with %p', async (from, to, code) => {
    await using rig = await rigWith(tlsWith([a]));
    const old = from === '1.0' ? ['--ciphers', 'DEFAULT@SECLEVEL=0'] : [];
    const asked = await ask(rig, 'a.example', `--tlsv${from}`, '--tls-max', to, ...old, ...trusting('a'));
    expect(asked.code).toBe(code);
  });
  test('serves the certificate of the host that is asked for, by name or wildcard, and the first for others', async () => {
    await using rig = await rigWith(tlsWith([a, b]));
    expect((await ask(rig, 'b.example', ...trusting('b'))).code).toBe(0);
    expect((await ask(rig, 'x.b.example', ...trusting('b'))).code).toBe(0);
    expect((await ask(rig, 'a.example', ...trusting('a'))).code).toBe(0);
    expect((await ask(rig, 'other.example', ...trusting('b'))).code).toBe(60);
  });
  test('keeps a connection for many requests, small and large', async () => {
    await using rig = await rigWith(tlsWith([a]), answering(ok('x'.repeat(1_000_000))));
    const url = `https://a.example:${rig.address.port}/`;
    const { text, code } = await curl(
      ...['--resolve', `a.example:${rig.address.port}:127.0.0.1`, ...trusting('a')],
      ...['--write-out', ' %{num_connects}'],
      ...[url, url, url],
    );
    expect(code).toBe(0);
    expect(text.length).toBe(3_000_000 + ' 1 0 0'.length);
  });
  test('takes an upload', async () => {
    await using rig = await rigWith(tlsWith([a]), answering(ok('taken')));
    const body = files.path('body');
    writeFileSync(body, 'y'.repeat(500_000));
    const { text } = await ask(rig, 'a.example', ...trusting('a'), '--data-binary', `@${body}`);
    expect(text).toBe('taken');
    expect(rig.side().bytesIn).toBeGreaterThan(500_000);
  });
  test('tells browsers to stay with https, if asked to', async () => {
    await using rig = await rigWith(tlsWith([a], { hstsSeconds: 600 }));
    const include = (version: string): ReturnType<typeof ask> =>
      ask(rig, 'a.example', ...trusting('a'), '--include', version);
    expect((await include('--http1.1')).text).toContain('\r\nStrict-Transport-Security: max-age=600\r\n');
    expect((await include('--http2')).text).toContain('\r\nstrict-transport-security: max-age=600\r\n');
  });
  test('ends a client that never shakes hands', async () => {
    await using rig = await Rig.start({ headMs: 50 }, tlsWith([a]));
    const client = await rig.connect();
    await client.gone();
  });
  test('ends a client that does not speak TLS', async () => {
    await using rig = await rigWith(tlsWith([a]));
    const client = await rig.connect();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.gone();
    expect(client.text).not.toContain('HTTP/1.1');
  });
});

describe('a certificate of the client', () => {
  const own = (): string[] => ['--cert', files.path('client.crt'), '--key', files.path('client.key')];
  const strange = (): string[] => ['--cert', a.cert, '--key', a.key];
  test('that is required lets only its holders in', async () => {
    await using rig = await rigWith(tlsWith([a, b], { clientCa: files.path('ca.crt') }));
    for (const host of ['a', 'b']) {
      const at = `${host}.example`;
      expect((await ask(rig, at, ...trusting(host), ...own())).code).toBe(0);
      expect((await ask(rig, at, ...trusting(host))).code).not.toBe(0);
      expect((await ask(rig, at, ...trusting(host), ...strange())).code).not.toBe(0);
    }
    expect(rig.side().requests).toBe(2);
  });
  test('that is optional is not needed', async () => {
    await using rig = await rigWith(tlsWith([a], { clientCa: files.path('ca.crt'), clientAuth: 'optional' }));
    expect((await ask(rig, 'a.example', ...trusting('a'), ...own())).code).toBe(0);
    expect((await ask(rig, 'a.example', ...trusting('a'))).code).toBe(0);
  });
});

describe('files that change', () => {
  test('are served from then on, also to clients that name no host', async () => {
    const renewed = await files.make('renewed', 'renewed.example');
    const before = await Bun.file(renewed.cert).text();
    await using rig = await rigWith(tlsWith([renewed]));
    writeFileSync(files.path('before.crt'), before);
    expect((await ask(rig, 'renewed.example', ...trusting('before'))).code).toBe(0);
    await files.make('renewed', 'renewed.example');
    const until = performance.now() + 4000;
    while ((await ask(rig, 'renewed.example', ...trusting('renewed'))).code !== 0)
      if (performance.now() > until) throw new Error('the new certificate was not served');
    const nameless = Bun.spawn(
      ['openssl', 's_client', '-noservername', '-connect', `127.0.0.1:${rig.address.port}`],
      { stdin: new Blob(['']), stdout: 'pipe', stderr: 'ignore' },
    );
    const seen = await new Response(nameless.stdout).text();
    expect(seen.replaceAll('\n', '')).toContain((await Bun.file(renewed.cert).text()).replaceAll('\n', ''));
  });
  test('for something broken are not: the ones before stay, and what is wrong is told', async () => {
    const kept = await files.make('kept', 'kept.example');
    const certificates = new Certificates(tlsWith([kept]));
    expect(certificates.look(0)).toBe(true);
    const { fallback } = certificates;
    writeFileSync(kept.cert, 'rubbish');
    expect(certificates.look(500)).toBe(false);
    expect(certificates.problems()).toEqual([]);
    expect(certificates.look(1000)).toBe(false);
    expect(certificates.fallback).toBe(fallback);
    expect(certificates.problems()).toEqual([
      `${kept.cert}: expected a certificate that can be served, found: no certificate in PEM; the one before is served`,
    ]);
    await files.make('kept', 'kept.example');
    expect(certificates.look(2000)).toBe(true);
    expect(certificates.problems()).toEqual([]);
  });
  test('are needed from the beginning for a route to be taken', () => {
    expect(() => examineCertificates('shop', tlsWith([a]))).not.toThrow();
    expect(() => examineCertificates('shop', tlsWith([{ ...a, key: b.key }]))).toThrow('not the private key');
    expect(() => examineCertificates('shop', tlsWith([{ ...a, cert: files.path('absent') }]))).toThrow(
      'ENOENT',
    );
    expect(() => examineCertificates('shop', tlsWith([a], { clientCa: a.key }))).toThrow('authority');
  });
});
