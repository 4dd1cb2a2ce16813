import { describe, expect, test } from 'bun:test';
import type { Address } from '../../core/address.ts';
import { formatAddress } from '../../core/address.ts';
import type { RouteSticky } from '../../core/sticky.ts';
import { answering, get, ok, type Origin, post, Rig, type Wire } from './rig.fixture.ts';

const [key, otherKey] = ['a', 'b'].map((digit) => digit.repeat(64)) as [string, string];

const byCookie = (more: Partial<NonNullable<RouteSticky['cookie']>> = {}): RouteSticky => ({
  by: 'cookie',
  scope: 'instance',
  cookie: { name: 'seat', maxAgeS: 0, sameSite: 'lax', secure: false, path: '/', ...more },
  header: null,
});

/** A rig whose origins answer with their names. */
async function house(names: readonly string[], keys: readonly string[] = [key]) {
  const rig = await Rig.start({ avoidMs: 50 });
  rig.plane.provide({ pages: {}, stickyKeys: keys });
  const origins = new Map(names.map((name) => [name, rig.origin(answering(ok(name)))]));
  return {
    rig,
    origins,
    of: (...some: string[]): Address[] => some.map((name) => origins.get(name)!.address),
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}

/** A client with a jar for one cookie. */
class Visitor {
  cookie: string | null = null;
  /** How often it was given one. */
  given = 0;
  last = '';
  constructor(private readonly wire: Wire) {}
  async ask(...fields: string[]): Promise<string> {
    const { head, body } = await this.wire
      .send(get('/', ...(this.cookie === null ? [] : [`Cookie: a=b; ${this.cookie}; c=d`]), ...fields))
      .response();
    this.last = head;
    const [, cookie] = /\r\nSet-Cookie: ([^;\r]*)/.exec(head) ?? [];
    if (cookie !== undefined) {
      this.cookie = cookie;
      this.given++;
    }
    return body;
  }
  async askOften(times: number, ...fields: string[]): Promise<string[]> {
    const bodies = new Set<string>();
    for (let n = 0; n < times; n++) bodies.add(await this.ask(...fields));
    return [...bodies].sort();
  }
}
const visitor = async (rig: Rig): Promise<Visitor> => new Visitor(await rig.connect());
const stop = (origin: Origin): void => {
  origin.close();
  for (const wire of origin.wires) wire.abort();
};

describe('a cookie', () => {
  test('keeps a client at its instance; it is set once, and others go elsewhere', async () => {
    await using it = await house(['1', '2', '3']);
    it.rig.route({ blue: it.of('1', '2', '3'), sticky: byCookie() });
    const homes = new Set<string>();
    for (let n = 0; n < 6; n++) {
      const one = await visitor(it.rig);
      const [home, ...others] = await one.askOften(6);
      expect([others, one.given]).toEqual([[], 1]);
      homes.add(home!);
      // From another connection too.
      const again = await visitor(it.rig);
      again.cookie = one.cookie;
      expect([await again.ask(), again.given]).toEqual([home!, 0]);
    }
    expect([...homes].sort()).toEqual(['1', '2', '3']);
  });

  test('has the attributes that are asked for, and names no address', async () => {
    await using it = await house(['1']);
    it.rig.route({ blue: it.of('1'), sticky: byCookie() });
    const plain = await visitor(it.rig);
    await plain.ask();
    expect(plain.last).toMatch(/\r\nSet-Cookie: seat=[A-Za-z0-9_-]{32}; Path=\/; HttpOnly; SameSite=Lax\r\n/);
    const address = formatAddress(it.of('1')[0]!);
    const decoded = Buffer.from(plain.cookie!.split('=')[1]!, 'base64url').toString('latin1');
    for (const text of [plain.cookie!, decoded])
      for (const part of [address, '127.0.0.1', address.split(':')[1]!, 'blue', 'shop'])
        expect(text).not.toContain(part);
    const more = byCookie({ name: '__Secure-x', maxAgeS: 3600, sameSite: 'none', secure: true, path: '/a' });
    it.rig.route({ blue: it.of('1'), sticky: more, epoch: 2 });
    await plain.ask();
    expect(plain.last).toContain('; Path=/a; Max-Age=3600; HttpOnly; SameSite=None; Secure\r\n');
  });

  test('that is forged, cut, of another key or of nobody is ignored and replaced', async () => {
    await using it = await house(['1', '2']);
    it.rig.route({ blue: it.of('1', '2'), sticky: byCookie() });
    const good = await visitor(it.rig);
    const home = await good.ask();
    const [, value = ''] = good.cookie!.split('=');
    const flipped = (at: number): string =>
      value.slice(0, at) + (value[at] === 'A' ? 'B' : 'A') + value.slice(at + 1);
    const swapped = value.slice(16) + value.slice(0, 16);
    const sideTwice = value.slice(0, 16) + value.slice(0, 16);
    const wrong = ['', 'x', flipped(0), flipped(31), value.slice(0, 31), `${value}A`, value.slice(0, 16)];
    for (const forged of [
      ...wrong,
      swapped,
      sideTwice,
      value.toUpperCase(),
      '127.0.0.1:1',
      'A'.repeat(4000),
    ]) {
      const one = await visitor(it.rig);
      one.cookie = `seat=${forged}`;
      await one.ask();
      expect([forged, one.given]).toEqual([forged, 1]);
      expect(one.cookie).toMatch(/^seat=[A-Za-z0-9_-]{32}$/);
    }
    // Of several cookies of the name the first that is good counts.
    const several = await visitor(it.rig);
    expect(await several.ask(`Cookie: seat=forged; ${good.cookie}`)).toBe(home);
    expect(await several.ask('Cookie: seat=forged', `Cookie: ${good.cookie}`)).toBe(home);
    expect(several.given).toBe(0);
    expect(await several.ask(`X-Cookie: ${good.cookie}`)).toBeString();
    expect(several.given).toBe(1);
  });

  test('of an instance that is gone, ejected or refuses connections is renewed for another one', async () => {
    await using it = await house(['1', '2', '3']);
    const route = (epoch: number, ...names: string[]): void =>
      it.rig.route({ blue: it.of(...names), sticky: byCookie(), epoch });
    route(1, '1', '2', '3');
    const one = await visitor(it.rig);
    const first = await one.ask();
    stop(it.origins.get(first)!);
    const second = await one.ask();
    expect([second === first, one.given]).toEqual([false, 2]);
    expect([await one.askOften(4), one.given]).toEqual([[second], 2]);
    // What takes its place is another instance, and the client is at home where it is now.
    const left = ['1', '2', '3'].filter((name) => name !== second && name !== first);
    route(2, ...left);
    expect([await one.askOften(3), one.given]).toEqual([left, 3]);
    expect(it.rig.failures()).toBe(0);
  });

  test('of an instance that is ejected leads to another one', async () => {
    const bad = 'HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n';
    await using rig = await Rig.start();
    rig.plane.provide({ pages: {}, stickyKeys: [key] });
    let failing = '';
    const named = (name: string) => rig.origin(answering(() => (failing === name ? bad : ok(name)))).address;
    const instancePolicy = { failures: 2, windowMs: 60_000, ejectForMs: 60_000, slowStartMs: 0, probe: null };
    rig.route({ blue: [named('1'), named('2')], sticky: byCookie(), instancePolicy });
    const one = await visitor(rig);
    failing = await one.ask();
    expect(await one.askOften(2)).toEqual(['']);
    expect(rig.side().ejected).toBe(1);
    const other = failing === '1' ? '2' : '1';
    expect([await one.askOften(3), one.given]).toEqual([[other], 2]);
  });

  test('of an instance that is full leads to another one, and is renewed', async () => {
    await using rig = await Rig.start();
    rig.plane.provide({ pages: {}, stickyKeys: [key] });
    const gate = Promise.withResolvers<void>();
    const named = (name: string) =>
      rig.origin(async (wire) => {
        for (;;) {
          await wire.until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'request');
          if (wire.closed || wire.ended) return wire.close();
          if (wire.take().startsWith('GET /slow')) await gate.promise;
          wire.send(ok(name));
        }
      }).address;
    rig.route({ blue: [named('1'), named('2')], sticky: byCookie(), limits: { perInstance: 1 } });
    const one = await visitor(rig);
    const home = await one.ask();
    const slow = (await rig.connect()).send(get('/slow', `Cookie: ${one.cookie}`));
    await rig.when(() => rig.side().inFlight === 1, 'slow');
    const elsewhere = await one.ask();
    expect([elsewhere === home, one.given]).toEqual([false, 2]);
    expect([await one.ask(), one.given]).toEqual([elsewhere, 2]);
    gate.resolve();
    expect((await slow.response()).body).toBe(home);
  });

  test('of the old side leads to the new one after a switch, and back', async () => {
    await using it = await house(['b1', 'b2', 'g1', 'g2']);
    const route = (epoch: number, live: 'blue' | 'green'): void =>
      it.rig.route({ blue: it.of('b1', 'b2'), green: it.of('g1', 'g2'), live, epoch, sticky: byCookie() });
    route(1, 'blue');
    const visitors = await Promise.all(Array.from({ length: 6 }, () => visitor(it.rig)));
    const before = await Promise.all(visitors.map((one) => one.ask()));
    expect(before.every((name) => name.startsWith('b'))).toBe(true);
    const old = visitors[0]!.cookie;
    route(2, 'green');
    for (const one of visitors) {
      const [home, ...others] = await one.askOften(3);
      expect([home![0], others, one.given]).toEqual(['g', [], 2]);
    }
    route(3, 'blue');
    const back = await visitor(it.rig);
    back.cookie = old;
    expect([await back.ask(), back.given]).toEqual([before[0]!, 0]);
  });

  test('of a release that is no more at a side is none of the release that is there now', async () => {
    await using it = await house(['1', '2']);
    it.rig.route({ blue: it.of('1', '2'), sticky: byCookie() });
    const one = await visitor(it.rig);
    await one.ask();
    it.rig.route({ blue: it.of('1', '2'), sticky: byCookie(), epoch: 2, release: 3 });
    await one.askOften(2);
    expect(one.given).toBe(2);
  });

  test('by the key before is taken, and renewed; by the one before that it is not', async () => {
    await using it = await house(['1', '2', '3']);
    it.rig.route({ blue: it.of('1', '2', '3'), sticky: byCookie() });
    const one = await visitor(it.rig);
    const home = await one.ask();
    const old = one.cookie;
    it.rig.plane.provide({ pages: {}, stickyKeys: [otherKey, key] });
    expect([await one.ask(), one.given]).toEqual([home, 2]);
    expect(one.cookie).not.toBe(old);
    expect([await one.ask(), one.given]).toEqual([home, 2]);
    it.rig.plane.provide({ pages: {}, stickyKeys: [otherKey] });
    expect([await one.ask(), one.given]).toEqual([home, 2]);
    one.cookie = old;
    await one.ask();
    expect(one.given).toBe(3);
  });

  test('is set with an answer that is closed, chunked, old or a refusal of the instance, and not with one of ours', async () => {
    await using rig = await Rig.start();
    rig.plane.provide({ pages: {}, stickyKeys: [key] });
    const answers = [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      'HTTP/1.1 404 No\r\nContent-Length: 0\r\nSet-Cookie: own=1\r\n\r\n',
      'HTTP/1.1 204 None\r\nConnection: close\r\n\r\n',
      'HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    ];
    for (const [epoch, answer] of answers.entries()) {
      rig.route({ blue: [rig.origin(answering(answer)).address], sticky: byCookie(), epoch: epoch + 1 });
      const wire = await rig.connect();
      wire.send(get());
      await wire.has('Set-Cookie: seat=');
      await wire.until(() => wire.text.endsWith(answer.slice(answer.lastIndexOf('\r\n\r\n'))), 'end');
      expect(wire.text.split('Set-Cookie: seat=').length).toBe(2);
      if (answer.includes(' 103 '))
        expect(wire.text.indexOf('Set-Cookie')).toBeGreaterThan(wire.text.indexOf('200 OK'));
      if (answer.includes('own=1')) expect(wire.text).toContain('Set-Cookie: own=1\r\n');
    }
    rig.route({ blue: [{ host: '127.0.0.1', port: 1 }], sticky: byCookie(), epoch: 9 });
    const refused = await (await rig.connect()).send(post('abc')).response();
    expect([refused.status, refused.head.includes('Set-Cookie')]).toEqual([502, false]);
  });

  test('is set with the 101 of a tunnel, and leads it to the instance', async () => {
    await using rig = await Rig.start();
    rig.plane.provide({ pages: {}, stickyKeys: [key] });
    const named = (name: string) =>
      rig.origin(async (wire) => {
        await wire.has('\r\n\r\n');
        wire.send(`HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n${name}`);
      }).address;
    rig.route({ blue: [named('1'), named('2'), named('3')], sticky: byCookie() });
    const upgrade = (cookie: string): string =>
      get('/', 'Connection: upgrade', 'Upgrade: x', `Cookie: ${cookie}`);
    const tunnel = async (cookie: string): Promise<[string, string]> => {
      const wire = (await rig.connect()).send(upgrade(cookie));
      await wire.until(() => /\r\n\r\n\d$/.test(wire.text), 'name');
      return [/Set-Cookie: ([^;]*)/.exec(wire.text)?.[1] ?? '', wire.text.slice(-1)];
    };
    const [cookie, home] = await tunnel('none=1');
    expect(cookie).toStartWith('seat=');
    for (let n = 0; n < 3; n++) expect(await tunnel(cookie)).toEqual(['', home]);
  });

  test('of scope environment keeps to the side alone, and any instance of it', async () => {
    await using it = await house(['b1', 'b2', 'g1', 'g2']);
    const sticky: RouteSticky = { ...byCookie(), scope: 'environment' };
    it.rig.route({
      blue: it.of('b1', 'b2'),
      green: it.of('g1', 'g2'),
      weights: { blue: 1, green: 1 },
      sticky,
    });
    for (let n = 0; n < 8; n++) {
      const one = await visitor(it.rig);
      const homes = await one.askOften(8);
      expect([homes.map((name) => name[0]), one.given]).toEqual([[homes[0]![0], homes[0]![0]], 1]);
      expect(one.cookie).toMatch(/^seat=[A-Za-z0-9_-]{16}$/);
    }
  });
});

describe('while both sides get traffic', () => {
  test('a cookie keeps a client at its side as long as that has weight', async () => {
    await using it = await house(['b1', 'b2', 'g1', 'g2']);
    const route = (epoch: number, blue: number, green: number): void =>
      it.rig.route({
        blue: it.of('b1', 'b2'),
        green: it.of('g1', 'g2'),
        weights: { blue, green },
        epoch,
        sticky: byCookie(),
      });
    route(1, 1, 1);
    const visitors = await Promise.all(Array.from({ length: 40 }, () => visitor(it.rig)));
    const homes = await Promise.all(visitors.map((one) => one.ask()));
    const greens = homes.filter((name) => name.startsWith('g')).length;
    expect(greens).toBeWithin(15, 26);
    // What changes is where new clients go.
    route(2, 99, 1);
    expect(await Promise.all(visitors.map((one) => one.ask()))).toEqual(homes);
    route(3, 0, 1);
    for (const one of visitors) expect((await one.ask())[0]).toBe('g');
    expect(visitors.reduce((sum, { given }) => sum + given, 0)).toBe(40 + (40 - greens));
    expect(it.rig.side('blue').requests + it.rig.side('green').requests).toBe(120);
  });

  test('a header chooses a side that has weight, and no other', async () => {
    await using it = await house(['b', 'g']);
    const route = (epoch: number, weights?: { blue: number; green: number }): void =>
      it.rig.route({
        blue: it.of('b'),
        green: it.of('g'),
        ...(weights && { weights }),
        epoch,
        sideHeader: 'X-Environment',
      });
    const one = await visitor(it.rig);
    route(1, { blue: 9999, green: 1 });
    expect(await one.askOften(5, 'x-environment:  green ')).toEqual(['g']);
    expect(await one.askOften(5, 'X-Environment: blue')).toEqual(['b']);
    expect(await one.askOften(20, 'X-Environment: red')).toContain('b');
    route(2, { blue: 1, green: 0 });
    expect(await one.askOften(5, 'X-Environment: green')).toEqual(['b']);
    route(3);
    expect(await one.askOften(5, 'X-Environment: green')).toEqual(['b']);
  });

  test('a client is kept at its side by its address, and only a change of its weight moves it', async () => {
    await using it = await house(['b', 'g']);
    const sticky: RouteSticky = { by: 'client', scope: 'environment', cookie: null, header: null };
    const one = await visitor(it.rig);
    const homes: string[] = [];
    for (let epoch = 1; epoch <= 11; epoch++) {
      const blue = (epoch - 1) * 10;
      it.rig.route({
        blue: it.of('b'),
        green: it.of('g'),
        weights: { blue, green: 100 - blue },
        epoch,
        sticky,
      });
      const home = await one.askOften(4);
      expect(home).toHaveLength(1);
      homes.push(...home);
    }
    // Once green, then blue for ever.
    expect(homes.join('')).toMatch(/^g+b+$/);
  });
});

describe('by a header', () => {
  const sticky: RouteSticky = { by: 'header', scope: 'instance', cookie: null, header: 'X-User' };
  test('requests with the same value go to the same instance, and those without to any', async () => {
    await using it = await house(['1', '2', '3']);
    it.rig.route({ blue: it.of('1', '2', '3'), sticky });
    const homes = new Set<string>();
    for (let user = 0; user < 20; user++) {
      const [home, ...others] = await (await visitor(it.rig)).askOften(3, `X-User: ${user}`);
      expect(others).toEqual([]);
      homes.add(home!);
    }
    expect(homes.size).toBe(3);
    expect(await (await visitor(it.rig)).askOften(6)).toHaveLength(3);
    expect(await (await visitor(it.rig)).askOften(6, 'X-User:')).toHaveLength(3);
  });

  test('and when the instance is gone, to one that is left', async () => {
    await using it = await house(['1', '2', '3']);
    it.rig.route({ blue: it.of('1', '2', '3'), sticky });
    const one = await visitor(it.rig);
    const [home] = await one.askOften(2, 'X-User: me');
    stop(it.origins.get(home!)!);
    const left = await one.askOften(3, 'X-User: me');
    expect(left).not.toContain(home!);
    expect(it.rig.failures()).toBe(0);
  });
});

describe('by the client', () => {
  test('who is named by a trusted proxy, over HTTP/2 too', async () => {
    const sticky: RouteSticky = { by: 'client', scope: 'instance', cookie: null, header: null };
    await using it = await house(['1', '2', '3', '4']);
    it.rig.routes({
      service: 'shop',
      to: it.of('1')[0]!,
      blue: { release: 1, instances: it.of('1', '2', '3', '4') },
      sticky,
      entrance: { proxyProtocol: false, trust: ['127.0.0.1'] },
    });
    const one = await visitor(it.rig);
    const homes = new Map<string, string>();
    for (let n = 0; n < 30; n++) {
      const address = `10.0.0.${n}`;
      const home = await one.ask(`X-Forwarded-For: ${address}`);
      homes.set(address, home);
      expect(await one.ask(`X-Forwarded-For: ${address}`)).toBe(home);
    }
    expect(new Set(homes.values()).size).toBe(4);
    const url = `http://${formatAddress(it.rig.address)}/`;
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']) {
      const words = ['-sS', '--http2-prior-knowledge', '-H', `X-Forwarded-For: ${address}`, url];
      const ran = Bun.spawn(['curl', ...words]);
      expect(await ran.stdout.text()).toBe(homes.get(address)!);
    }
  });

  test('all its connections go to the same instance', async () => {
    const sticky: RouteSticky = { by: 'client', scope: 'instance', cookie: null, header: null };
    await using it = await house(['1', '2', '3', '4']);
    it.rig.route({ blue: it.of('1', '2', '3', '4'), sticky });
    const homes = await Promise.all(Array.from({ length: 8 }, async () => (await visitor(it.rig)).ask()));
    expect(new Set(homes).size).toBe(1);
  });

  test('a service that is switched as TCP keeps a client, and both sides get their part of the connections', async () => {
    await using rig = await Rig.start();
    const named = (name: string) => rig.origin((wire) => void wire.send(name)).address;
    const [blue, green] = [['b1', 'b2', 'b3'].map(named), ['g1'].map(named)];
    const banners = async (count: number): Promise<string[]> => {
      const seen: string[] = [];
      for (let n = 0; n < count; n++) {
        const wire = await rig.connect();
        await wire.until(() => wire.text.length === 2, 'banner');
        seen.push(wire.take());
      }
      return seen;
    };
    const sticky: RouteSticky = { by: 'client', scope: 'instance', cookie: null, header: null };
    rig.route({ blue, green, protocol: 'tcp', sticky });
    expect(new Set(await banners(6)).size).toBe(1);
    rig.route({ blue, green, protocol: 'tcp', epoch: 2, weights: { blue: 1, green: 1 } });
    const greens = (await banners(20)).filter((name) => name === 'g1').length;
    expect(greens).toBeWithin(8, 13);
  });
});

test('over HTTP/2 a cookie keeps a client, and our own answers are pages', async () => {
  await using it = await house(['1', '2', '3']);
  it.rig.plane.provide({ pages: { '5xx': { type: 'html', text: '<p>{status}</p>' } }, stickyKeys: [key] });
  const pages = { errorPages: { '5xx': '5xx' } };
  const curl = async (...words: string[]): Promise<string> => {
    const url = `http://${formatAddress(it.rig.address)}/`;
    const ran = Bun.spawn(['curl', '-sS', '-i', '--http2-prior-knowledge', ...words, url]);
    return ran.stdout.text();
  };
  it.rig.route({ blue: it.of('1', '2', '3'), sticky: byCookie(), ...pages });
  const first = await curl();
  const [, cookie = ''] = /\r\nset-cookie: ([^;]*); Path=\/; HttpOnly/.exec(first) ?? [];
  for (let n = 0; n < 4; n++) {
    const again = await curl('-H', `Cookie: a=1; ${cookie}; b=2`);
    expect([again.at(-1), again.includes('set-cookie')]).toEqual([first.at(-1), false]);
  }
  it.rig.route({ epoch: 2, ...pages });
  expect(await curl()).toEndWith('cache-control: no-store\r\n\r\n<p>503</p>');
  expect(await curl('-I')).toEndWith('content-length: 10\r\ncache-control: no-store\r\n\r\n');
});
