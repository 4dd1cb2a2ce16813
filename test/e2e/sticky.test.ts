import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import type { RouteSticky } from '../../src/core/sticky.ts';
import { failures, type Route } from '../../src/core/traffic.ts';
import { ProxyFixture, routeTo, startOrigin, until, type Origin } from '../fixtures/proxy.ts';

setDefaultTimeout(60_000);

const names = ['blue-1', 'blue-2', 'blue-3', 'green-1', 'green-2', 'green-3'];
let origins: Origin[];
let proxy: ProxyFixture;
beforeAll(async () => {
  origins = names.map((name) => startOrigin(name));
  proxy = await ProxyFixture.start(2);
});
afterAll(async () => {
  await proxy.close();
  for (const origin of origins) await origin.close();
});

const sticky: RouteSticky = {
  by: 'cookie',
  scope: 'instance',
  cookie: { name: 'seat', maxAgeS: 60, sameSite: 'lax', secure: false, path: '/' },
  header: null,
};

/** One browser, which asks again and again and notes who answered. */
class Browser {
  cookie: string | null = null;
  asked = 0;
  renewed = 0;
  homes = new Set<string>();
  readonly problems: string[] = [];
  private asking = true;
  private readonly done: Promise<void>;

  constructor(port: number) {
    this.done = this.ask(`http://127.0.0.1:${port}/`);
  }
  private async ask(url: string): Promise<void> {
    while (this.asking) {
      try {
        const { homes } = this;
        const response = await fetch(url, { headers: this.cookie === null ? {} : { cookie: this.cookie } });
        const text = await response.text();
        if (response.status !== 200) this.problems.push(`${response.status} ${text}`);
        const [given] = response.headers.get('set-cookie')?.split(';') ?? [];
        if (given !== undefined) {
          this.cookie = given;
          this.renewed++;
        }
        // One that began before the moment that is looked at says nothing of it.
        if (homes === this.homes) homes.add(text);
      } catch (error) {
        this.problems.push(String(error));
      }
      this.asked++;
    }
  }
  /** Looks anew from the next request on, and waits for some. */
  async homesFromNow(): Promise<string[]> {
    const homes = (this.homes = new Set());
    const { asked } = this;
    await until('it asks on', () => this.asked >= asked + 4);
    return [...homes];
  }
  async stop(): Promise<void> {
    this.asking = false;
    await this.done;
  }
}

test('switches under load move every sticky client at once, to one instance of the new side each, and lose no request', async () => {
  const { router } = proxy;
  const first = origins[0]!.address;
  const side = (colour: string) =>
    origins.filter((_, n) => names[n]!.startsWith(colour)).map(({ address }) => address);
  await router.apply({
    ...routeTo('shop', 1, 'blue', first, first),
    blue: { release: 1, instances: side('blue') },
    green: { release: 2, instances: side('green') },
    sticky,
  });
  const route: Route = (await router.read('shop'))!;
  const browsers = Array.from({ length: 16 }, () => new Browser(route.listen.port));
  await Promise.all(browsers.map((browser) => browser.homesFromNow()));

  let renewed = 0;
  for (let time = 0; time < 10; time++) {
    const live = time % 2 === 0 ? 'green' : 'blue';
    const before = await Promise.all(browsers.map((browser) => browser.homesFromNow()));
    for (const homes of before) expect(homes).toHaveLength(1);
    await router.apply({ ...route, live, epoch: 2 + time });
    const after = await Promise.all(browsers.map((browser) => browser.homesFromNow()));
    for (const homes of after) expect([homes.length, homes[0]?.split('-')[0]]).toEqual([1, live]);
    // A switch renews each cookie once.
    const sum = browsers.reduce((total, browser) => total + browser.renewed, 0);
    if (time > 0) expect(sum - renewed).toBe(browsers.length);
    renewed = sum;
  }

  // New clients would go to green; nobody moves whose side has weight.
  const homes = await Promise.all(browsers.map((browser) => browser.homesFromNow()));
  await router.apply({ ...route, live: 'blue', epoch: 20, weights: { blue: 1, green: 99 } });
  expect(await Promise.all(browsers.map((browser) => browser.homesFromNow()))).toEqual(homes);

  await Promise.all(browsers.map((browser) => browser.stop()));
  expect(browsers.flatMap(({ problems }) => problems)).toEqual([]);
  const { blue, green } = await router.counters('shop');
  expect([failures(blue), failures(green)]).toEqual([0, 0]);
  expect(browsers.reduce((sum, { asked }) => sum + asked, 0)).toBe(blue.requests + green.requests);
});
