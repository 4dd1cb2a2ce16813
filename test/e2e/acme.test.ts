import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RouteAuthority } from '../../src/core/certificate-authority.ts';
import type { CertificateStatus } from '../../src/core/certificate-status.ts';
import { curl, TestCertificates, tlsWith } from '../../src/proxy/tls/certificates.fixture.ts';
import { TestAuthority } from '../fixtures/authority.ts';
import { ProxyFixture, routeTo, startOrigin, until, type Origin } from '../fixtures/proxy.ts';

setDefaultTimeout(60_000);

let authority: TestAuthority;
let proxy: ProxyFixture;
let origin: Origin;
beforeEach(async () => {
  authority = await TestAuthority.start();
  proxy = await ProxyFixture.start(2);
  origin = startOrigin('hello');
});
afterEach(async () => {
  await proxy.close();
  await origin.close();
  await authority[Symbol.asyncDispose]();
});

const anyPort = { host: '127.0.0.1', port: 0 };
const patienceMs = 20_000;

/** Serves the hosts with certificates of the test's authority. */
async function serve(epoch: number, hosts: string[], more: Partial<RouteAuthority> = {}): Promise<void> {
  const acme: RouteAuthority = {
    hosts,
    email: 'admin@shop.example',
    directory: authority.directory,
    ca: authority.ca,
    challenge: 'http-01',
    ...more,
  };
  const plain = routeTo('shop', epoch, 'blue', origin.address, origin.address);
  const settled = (await proxy.router.read('shop'))?.tls?.redirect;
  // The authority asks at ports that it is told of, which have to be there before it does.
  if (!settled) {
    await proxy.router.apply({ ...plain, tls: tlsWith([], { redirect: anyPort, acme: { ...acme, hosts } }) });
    const route = await proxy.router.read('shop');
    authority.httpPort = route!.tls!.redirect!.port;
    authority.tlsPort = route!.listen.port;
    return;
  }
  await proxy.router.apply({ ...plain, tls: tlsWith([], { redirect: settled, acme: { ...acme, hosts } }) });
}

const certificateOf = async (host: string): Promise<CertificateStatus> => {
  const found = (await proxy.router.status()).certificates.find(({ hosts }) => hosts.includes(host));
  if (!found) throw new Error(`nothing is known of ${host}`);
  return found;
};
const obtained = (host: string): Promise<void> =>
  until(`a certificate of ${host}`, async () => (await certificateOf(host)).issuer !== null, patienceMs);

async function ask(host: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { port } = (await proxy.router.read('shop'))!.listen;
  return curl(
    ...['--resolve', `${host}:${port}:127.0.0.1`, '--cacert', authority.ca, ...args],
    `https://${host}:${port}/`,
  );
}
/** Until workers have seen a new file: they look each second. */
const served = (host: string): Promise<void> =>
  until(`${host} served`, async () => (await ask(host)).code === 0, patienceMs);

/** Every file below the folder of authorities, with its mode. */
function files(): { path: string; mode: number }[] {
  const folder = join(proxy.home, 'proxy', 'acme');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const stat = statSync(join(folder, name));
    return stat.isFile() ? [{ path: join(folder, name), mode: stat.mode & 0o777 }] : [];
  });
}

test('a host gets a certificate, and another one that comes later its own', async () => {
  await serve(1, ['shop.example']);
  // Until there is one, clients that look at it are told; those that do not are served.
  expect((await ask('shop.example')).code).toBe(60);
  expect((await ask('shop.example', '--insecure')).text).toBe('hello');
  await obtained('shop.example');
  await served('shop.example');
  expect(await certificateOf('shop.example')).toMatchObject({
    services: ['shop'],
    source: authority.directory,
    issuer: 'Test Authority',
    problem: null,
  });
  const { expiresAt, renewsAt } = await certificateOf('shop.example');
  const lifeMs = expiresAt! - (expiresAt! - authority.lifeMs);
  expect((expiresAt! - renewsAt!) / lifeMs).toBeWithin(1 / 3 - 0.001, 0.37);

  await serve(2, ['shop.example', 'www.shop.example']);
  await obtained('www.shop.example');
  await served('www.shop.example');
  await served('shop.example');
  expect(authority.journal).toEqual([
    'account mailto:admin@shop.example',
    'order shop.example',
    'proof shop.example http-01',
    'signed shop.example',
    'order www.shop.example',
    'proof www.shop.example http-01',
    'signed www.shop.example',
  ]);
  expect((await proxy.router.status()).warnings).toEqual([]);
  const kept = files();
  expect(kept.length).toBe(5);
  for (const { path, mode } of kept) expect([path, mode]).toEqual([path, 0o600]);
  // The proof is not shown any longer than it is asked for.
  const token = await fetch(`http://127.0.0.1:${authority.httpPort}/.well-known/acme-challenge/none`);
  expect(await token.text()).toBe('hello');
});

test('a certificate outlives the proxy, and the authority is not asked again', async () => {
  await serve(1, ['shop.example']);
  await obtained('shop.example');
  await proxy.killKeeper();
  await proxy.startKeeper(2);
  await served('shop.example');
  await proxy.stop();
  await proxy.startKeeper(2);
  await served('shop.example');
  expect(authority.journal.filter((line) => line.startsWith('order'))).toEqual(['order shop.example']);
});

test('a folder that was lost is made anew, also where the authority can ask only in handshakes', async () => {
  await serve(1, ['shop.example'], { challenge: 'tls-alpn-01' });
  await obtained('shop.example');
  await proxy.stop();
  rmSync(join(proxy.home, 'proxy', 'acme'), { recursive: true });
  await proxy.startKeeper(2);
  await obtained('shop.example');
  await served('shop.example');
  expect(authority.journal.filter((line) => line.startsWith('account')).length).toBe(2);
});

test('a certificate is renewed before its end', async () => {
  authority.lifeMs = 300_000;
  authority.ageMs = 220_000;
  await serve(1, ['shop.example']);
  await obtained('shop.example');
  const first = (await certificateOf('shop.example')).expiresAt;
  authority.ageMs = 0;
  await until(
    'another one',
    async () => (await certificateOf('shop.example')).expiresAt !== first,
    patienceMs,
  );
  await served('shop.example');
  expect(authority.journal.filter((line) => line.startsWith('account')).length).toBe(1);
});

test('an authority that is away leaves the certificate before in its place, and is asked again later', async () => {
  authority.lifeMs = 300_000;
  authority.ageMs = 220_000;
  await serve(1, ['shop.example']);
  await obtained('shop.example');
  await served('shop.example');
  await authority.goAway();
  await until(
    'a problem',
    async () => (await certificateOf('shop.example')).problem?.includes('cannot be asked') ?? false,
    patienceMs,
  );
  expect((await ask('shop.example')).code).toBe(0);
  const { warnings } = await proxy.router.status();
  expect(warnings.join()).toContain('shop.example: its certificate was not renewed');
  authority.ageMs = 0;
  authority.comeBack();
  await until(
    'it is renewed',
    async () => (await certificateOf('shop.example')).problem === null,
    patienceMs,
  );
  await served('shop.example');
});

test('nonces that are refused are made good', async () => {
  authority.badNonces = 3;
  await serve(1, ['shop.example']);
  await obtained('shop.example');
  expect(authority.badNonces).toBe(0);
});

test('a limit of the authority is kept to, also after a restart', async () => {
  authority.retryAfter = '3600';
  await serve(1, ['shop.example']);
  const limited = async (): Promise<boolean> =>
    (await certificateOf('shop.example')).problem?.includes('rateLimited: too many certificates') ?? false;
  await until('it is limited', limited, patienceMs);
  const { renewsAt } = await certificateOf('shop.example');
  expect(renewsAt! - Date.now()).toBeWithin(3_500_000, 3_600_001);
  await proxy.stop();
  await proxy.startKeeper(2);
  expect(await limited()).toBe(true);
  expect((await certificateOf('shop.example')).renewsAt).toBe(renewsAt);
});

test('a proof that fails, and a certificate for another host, are told and not served', async () => {
  await serve(1, ['shop.example']);
  authority.httpPort = origin.address.port;
  await until(
    'the failure',
    async () =>
      (await certificateOf('shop.example')).problem?.includes('expected the key authorization') ?? false,
    patienceMs,
  );
  authority.httpPort = (await proxy.router.read('shop'))!.tls!.redirect!.port;
  authority.signsFor = 'evil.example';
  await until(
    'the wrong host',
    async () => (await certificateOf('shop.example')).problem?.includes('DNS:evil.example') ?? false,
    patienceMs,
  );
  expect((await ask('shop.example')).code).toBe(60);
  expect((await proxy.router.status()).warnings.join()).toContain('shop.example has no certificate yet');
  authority.signsFor = null;
  await obtained('shop.example');
  await served('shop.example');
});

test('a host is proved in the handshake, with every worker, while clients see their own certificate', async () => {
  authority.lifeMs = 300_000;
  authority.ageMs = 220_000;
  await serve(1, ['shop.example'], { challenge: 'tls-alpn-01' });
  await obtained('shop.example');
  await served('shop.example');
  // It is renewed at once, while clients come all the time; each sees a certificate of the authority.
  let asked = 0;
  while (authority.journal.filter((line) => line.startsWith('proof')).length < 3) {
    const { code, text } = await ask('shop.example');
    expect([code, text]).toEqual([0, 'hello']);
    asked++;
  }
  expect(asked).toBeGreaterThan(10);
  expect(new Set(authority.journal)).toEqual(
    new Set([
      'account mailto:admin@shop.example',
      'order shop.example',
      'proof shop.example tls-alpn-01',
      'signed shop.example',
    ]),
  );
});

test('no key is in what the proxy tells, and hosts with files are served meanwhile', async () => {
  using own = new TestCertificates();
  const file = await own.make('own', 'own.example');
  await authority.goAway();
  await proxy.router.apply({
    ...routeTo('shop', 1, 'blue', origin.address, origin.address),
    tls: tlsWith([file], {
      redirect: anyPort,
      acme: {
        hosts: ['shop.example'],
        email: null,
        directory: authority.directory,
        ca: authority.ca,
        challenge: 'http-01',
      },
    }),
  });
  expect((await ask('own.example', '--cacert', file.cert)).text).toBe('hello');
  expect(JSON.stringify(await proxy.router.status())).not.toContain('PRIVATE KEY');
  expect(readFileSync(join(proxy.home, 'proxy', 'table.json'), 'utf8')).not.toContain('PRIVATE KEY');
});
