import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NamedFixture } from '../../../test/fixtures/named.ts';
import { routeTo } from '../../../test/fixtures/proxy.ts';
import type { Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import { DnsSettings } from '../../core/spec/dns.ts';
import type { Route } from '../../core/traffic.ts';
import { systemClock } from '../../clocks/system.ts';
import { routerSuite } from '../../testing/router.suite.ts';
import { CommandProvider } from './command-provider.ts';
import { DnsRouter } from './dns-router.ts';
import { readKey } from './key-file.ts';
import { MemoryProvider } from './memory-provider.ts';
import type { DnsProvider } from './provider.ts';
import type { RecordSet } from './record-set.ts';
import { Rfc2136Provider } from './rfc2136-provider.ts';

// A change is over when the secondary has taken it.
setDefaultTimeout(30_000);

const absent = NamedFixture.absent();
const clock = systemClock;
const hosts = { blue: '192.0.2.1', green: '192.0.2.2' } as const;

const route = (service: string, epoch: number, domain = `${service}.shop.example`): Route => ({
  ...routeTo(service, epoch, 'blue', { host: hosts.blue, port: 80 }, { host: hosts.green, port: 80 }),
  listen: { host: domain, port: 80 },
  preview: { host: `next-${domain}`, port: 80 },
});
const settingsOf = (more: object = {}): DnsSettings =>
  DnsSettings.parse({ zone: 'shop.example', servers: ['127.0.0.1'], key: 'k', ttl: '1h', ...more });
const sideOf = (addresses: string): Colour | null =>
  addresses === hosts.blue ? 'blue' : addresses === hosts.green ? 'green' : null;
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof CutoverError ? error.code : String(error)),
  );

describe.skipIf(absent !== null)(`the DNS${absent === null ? '' : ` (skipped: ${absent})`}`, () => {
  let named: NamedFixture;
  const provider = (): Rfc2136Provider =>
    new Rfc2136Provider(named.zone, named.servers, () => readKey(named.key));
  const router = (more: object = {}): DnsRouter =>
    new DnsRouter(settingsOf(more), provider(), clock, named.directory);
  beforeAll(async () => {
    named = await NamedFixture.start('taken IN A 198.51.100.1\nmail IN MX 1 taken\nold IN A 198.51.100.9');
  });
  afterAll(() => named.close());

  routerSuite('dns', async () => {
    const own = await NamedFixture.start('taken IN A 198.51.100.1');
    return {
      router: new DnsRouter(
        settingsOf(),
        new Rfc2136Provider(own.zone, own.servers, () => readKey(own.key)),
        clock,
        own.directory,
      ),
      route,
      request: ({ listen }) => Promise.resolve(sideOf(own.dig(own.primary, listen.host))),
      preview: ({ preview }) => Promise.resolve(sideOf(own.dig(own.secondary, preview?.host ?? ''))),
      async restart() {
        await own.primary.end();
        await own.primary.begin();
      },
      takenAddress: () => Promise.resolve({ host: 'taken.shop.example', port: 80 }),
      close: () => own.close(),
    };
  });

  /** What the primary and the secondary say. */
  const ttlAt = (host: string): string[] =>
    [named.primary, named.secondary].map(
      (server) => named.dig(server, '+noshort', '+noall', '+answer', host).split(/\s+/)[1] ?? '',
    );

  test('when a switch is over every server says so, with the short time to live, until it is lengthened again', async () => {
    const dns = router();
    await dns.apply(route('waits', 1));
    expect(ttlAt('waits.shop.example')).toEqual(['3600', '3600']);
    expect(await dns.keepFor('waits', 'short', 1)).toEqual({ changed: true });
    expect(await dns.keepFor('waits', 'short', 1)).toEqual({ changed: false });
    expect(ttlAt('waits.shop.example')).toEqual(['30', '30']);
    await dns.apply({ ...route('waits', 2), live: 'green' });
    expect(named.dig(named.secondary, 'waits.shop.example')).toBe(hosts.green);
    expect(ttlAt('waits.shop.example')).toEqual(['30', '30']);
    expect(await codeOf(dns.keepFor('waits', 'usual', 1))).toBe('stale-epoch');
    await dns.keepFor('waits', 'usual', 2);
    expect(ttlAt('waits.shop.example')).toEqual(['3600', '3600']);
    // Also without being told before: who goes back does not wait.
    await dns.apply(route('waits', 3));
    expect(ttlAt('waits.shop.example')).toEqual(['30', '30']);
  });

  test('of two controllers that decide on the same, the later one reads what the other did, and is refused', async () => {
    const [one, other] = [router(), router()];
    await one.apply(route('two', 1));
    const outcomes = await Promise.all([
      codeOf(one.apply({ ...route('two', 2), live: 'green' })),
      codeOf(other.apply({ ...route('two', 2), preview: null })),
    ]);
    expect(outcomes.sort()).toEqual(['none', 'stale-epoch']);
  });

  test('what somebody else changed is not in force, and is put right by the next order', async () => {
    const dns = router();
    await dns.apply(route('meddled', 1));
    const changed = await provider().change({
      where: [],
      put: [{ name: 'meddled.shop.example', type: 'A', ttlSeconds: 60, values: ['198.51.100.7'] }],
    });
    expect(changed).toBe(true);
    expect(await dns.read('meddled')).toBeNull();
    expect(await dns.apply(route('meddled', 1))).toMatchObject({ changed: true });
    expect(await dns.read('meddled')).toEqual(route('meddled', 1));
  });

  test('a server that does not take the change over is named, and the change is over when it does', async () => {
    const dns = router({ timeout: '500ms' });
    await dns.apply(route('late', 1));
    await named.secondary.end();
    const failed = await dns.apply({ ...route('late', 2), live: 'green' }).catch((error: unknown) => error);
    expect(String(failed)).toContain(`127.0.0.1:${named.secondary.address.port}: expected it to serve zone`);
    await named.secondary.begin();
    const patient = router();
    expect(await patient.apply({ ...route('late', 2), live: 'green' })).toMatchObject({ changed: false });
    expect(named.dig(named.secondary, 'late.shop.example')).toBe(hosts.green);
  });

  test('records that are there already are replaced only if that is wanted', async () => {
    const taken = route('adopts', 1, 'old.shop.example');
    expect(await codeOf(router().apply(taken))).toBe('address-in-use');
    await router({ adopt: true }).apply(taken);
    expect(named.dig(named.primary, 'old.shop.example')).toBe(hosts.blue);
  });

  test('targets are IPv4, IPv6 and other names; a name beside other records is refused with why', async () => {
    const targets = { blue: ['192.0.2.7', '2001:db8:0:0::7'], green: ['lb.shop.example'] };
    const dns = router({ targets });
    await dns.apply(route('targets', 1));
    expect(named.dig(named.secondary, 'targets.shop.example', 'A')).toBe('192.0.2.7');
    expect(named.dig(named.secondary, 'targets.shop.example', 'AAAA')).toBe('2001:db8::7');
    await dns.apply({ ...route('targets', 2), live: 'green' });
    expect(named.dig(named.primary, 'targets.shop.example', 'CNAME')).toBe('lb.shop.example.');
    const mail = { ...route('mail', 1), live: 'green', preview: null } as const;
    const refused = await dns.apply(mail).catch((error: unknown) => error);
    expect(String(refused)).toContain('expected mail.shop.example CNAME lb.shop.example after the update');
  });

  test('an instance at another port is refused', async () => {
    const wrong = { ...route('ports', 1), blue: { release: 1, instances: [{ host: hosts.blue, port: 81 }] } };
    expect(await codeOf(router().apply(wrong))).toBe('router-cannot');
  });

  test('a key that the server does not have, or an absent server, is told', async () => {
    const wrong = new Rfc2136Provider(named.zone, named.servers, () => ({
      ...readKey(named.key),
      secret: Buffer.from('something else'),
    }));
    const refused = await wrong.read([]).catch((error: unknown) => error);
    expect(String(refused)).toContain('BADSIG');
    await named.primary.end();
    expect(await codeOf(router().read('shop'))).toBe('router-absent');
    await named.primary.begin();
  });
});

describe.skipIf(absent !== null)('each algorithm of signatures, with BIND', () => {
  test.each(['hmac-sha1', 'hmac-sha224', 'hmac-sha384', 'hmac-sha512'])('%s', async (algorithm) => {
    const named = await NamedFixture.start('', algorithm);
    try {
      const dns: DnsProvider = new Rfc2136Provider(named.zone, named.servers, () => readKey(named.key));
      const set: RecordSet = { name: 'a.shop.example', type: 'A', ttlSeconds: 9, values: ['192.0.2.9'] };
      const change = { where: [{ ...set, values: [] }], put: [set] };
      expect(await dns.change(change)).toBe(true);
      expect(await dns.change(change)).toBe(false);
      expect((await dns.read([set])).sets).toEqual([set]);
    } finally {
      await named.close();
    }
  });
});

routerSuite('dns, of a zone in memory', () => {
  const provider = new MemoryProvider();
  const zone = async (host: string): Promise<Colour | null> =>
    sideOf((await provider.read([{ name: host, type: 'A' }])).sets[0]?.values.join() ?? '');
  return Promise.resolve({
    router: new DnsRouter(settingsOf(), provider, clock, '/'),
    route,
    request: ({ listen }) => zone(listen.host),
    preview: ({ preview }) => zone(preview?.host ?? ''),
    close: () => Promise.resolve(),
  });
});

const folder = mkdtempSync(join(tmpdir(), 'cutover-dns-command-'));
afterAll(() => rmSync(folder, { recursive: true }));
routerSuite('dns, by the program of the example', () => {
  const example = join(import.meta.dir, '../../../examples/routers/dns-command.js');
  const settings = settingsOf({
    servers: undefined,
    key: undefined,
    command: { run: [process.execPath, example, join(folder, 'zone.json')] },
  });
  if (!settings.command) throw new Error('no command');
  const provider = new CommandProvider('shop.example', settings.command, folder);
  const zone = async (host: string): Promise<Colour | null> =>
    sideOf((await provider.read([{ name: host, type: 'A' }])).sets[0]?.values.join() ?? '');
  return Promise.resolve({
    router: new DnsRouter(settings, provider, clock, folder),
    route,
    request: ({ listen }) => zone(listen.host),
    preview: ({ preview }) => zone(preview?.host ?? ''),
    close: () => Promise.resolve(),
  });
});
