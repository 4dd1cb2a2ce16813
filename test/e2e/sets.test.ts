import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SetSwitchedView, SetView } from '../../src/server/api.ts';
import { command, freePort, House, shop, until } from './house.ts';

setDefaultTimeout(60_000);

const page = readFileSync(join(import.meta.dir, '../../docs/sets.md'), 'utf8');

/** The files that the page shows, by their names. */
const files = new Map(
  [...page.matchAll(/^```yaml\n# (\S+)\n([\s\S]*?)^```/gm)].map(([, name = '', text = '']) => [name, text]),
);

let house: House;
const folder = mkdtempSync(join(tmpdir(), 'cutover set '));
const ports = { web: 0, api: 0 };
const services = ['web', 'api'] as const;

/** Writes what the page shows, with free ports and less time to watch; `change` of each spec. */
function write(
  release: 1 | 2,
  change: (service: string, spec: string) => string = (_service, spec) => spec,
): void {
  writeFileSync(join(folder, 'set.yaml'), files.get('set.yaml') ?? '');
  for (const service of services) {
    mkdirSync(join(folder, service), { recursive: true });
    cpSync(shop(release), join(folder, service), { recursive: true });
    const spec = (files.get(`${service}/cutover.yaml`) ?? '')
      .replace(/listen: '.*'/, `listen: '127.0.0.1:${ports[service]}'`)
      .replace('bake: 10s', 'bake: 300ms\n  drain: 300ms');
    writeFileSync(join(folder, service, 'cutover.yaml'), change(service, spec));
  }
}

/** Runs the command line; its exit code, and its answer. */
async function cutover(...words: string[]): Promise<{ exit: number; out: string; err: string }> {
  const child = Bun.spawn([...command(), ...words, '--home', house.home], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1' },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err, exit] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exit, out, err };
}

interface Seen {
  readonly service: (typeof services)[number];
  readonly began: number;
  readonly ended: number;
  readonly release: number;
}

/** Clients that ask one service after the other, now web first and now api, until they are told to stop. */
function clients(count: number): {
  /** Resolves when both have answered often enough by this release. */
  answeredBy: (release: number) => Promise<true>;
  stop: () => Promise<Seen[]>;
} {
  const seen: Seen[] = [];
  let on = true;
  const client = async (index: number): Promise<void> => {
    for (let turn = index; on; turn++) {
      const service = services[turn % 2] ?? 'web';
      const began = performance.now();
      const response = await fetch(`http://127.0.0.1:${ports[service]}/`, { keepalive: turn % 7 !== 0 });
      await response.arrayBuffer();
      const ended = performance.now();
      if (!response.ok) throw new Error(`${service} answered ${response.status}`);
      seen.push({ service, began, ended, release: Number(response.headers.get('x-shop-release')) });
    }
  };
  const all = Promise.all(Array.from({ length: count }, (_, index) => client(index)));
  return {
    answeredBy: (release) =>
      until(`answers by release ${release}`, () =>
        services.every(
          (service) =>
            seen.filter((each) => each.service === service && each.release === release).length > 20,
        )
          ? true
          : undefined,
      ),
    stop: async () => {
      on = false;
      await all;
      return seen;
    },
  };
}

/** Once one of them has been answered by the release `to`, whatever begins after that is answered by it too, of whichever service. */
function expectOneMoment(seen: readonly Seen[], from: number, to: number): void {
  const first = Math.min(...seen.filter(({ release }) => release === to).map(({ ended }) => ended));
  expect(seen.filter(({ began, release }) => began > first && release !== to)).toEqual([]);
  for (const service of services)
    for (const release of [from, to])
      expect(
        seen.filter((each) => each.service === service && each.release === release).length,
      ).toBeGreaterThan(10);
}

beforeAll(async () => {
  house = await House.open({ workers: 3 });
  for (const service of services) ports[service] = await freePort();
  write(1);
  const first = await cutover('deploy', '--set', 'set.yaml', '--version', 'v1', '--json');
  expect(first).toMatchObject({ exit: 0 });
});
afterAll(async () => {
  await house.close();
  rmSync(folder, { recursive: true, force: true });
});

const set = (): Promise<SetView> => house.ask('GET', '/v1/sets/shop');

describe('the set of the page, under load', () => {
  test('is planned without a change, and switched with no request between the old and the new', async () => {
    write(2);
    const plan = await cutover('plan', '--set', 'set.yaml', '--version', 'v2');
    expect(plan.exit).toBe(0);
    expect(plan.out).toContain('wait until api of set shop are ready to switch, too');
    expect(plan.out).toContain('switch the traffic from blue to green, at one moment with all of set shop');
    expect((await set()).number).toBe(1);

    const load = clients(12);
    await load.answeredBy(1);
    const deployed = await cutover('deploy', '--set', 'set.yaml', '--version', 'v2');
    expect(deployed).toMatchObject({ exit: 0 });
    expect(deployed.out).toContain('all switched at one moment');
    await load.answeredBy(2);
    expectOneMoment(await load.stop(), 1, 2);
    const { status, services: views } = await set();
    expect(status).toBe('succeeded');
    const switches = views.map(({ receipt }) => receipt?.switch);
    expect(switches[0]?.at).toBe(switches[1]?.at);
    expect(views.map(({ receipt }) => receipt?.failed)).toEqual([0, 0]);
    expect(views.map(({ receipt }) => receipt?.set?.name)).toEqual(['shop', 'shop']);
  });

  test('keeps its services together, and goes back with no request between', async () => {
    const alone = await cutover('rollback', 'web', '--json');
    expect(alone.exit).toBe(5);
    expect(alone.out + alone.err).toContain('set-member');

    const load = clients(12);
    await load.answeredBy(2);
    const back = await cutover('rollback', '--set', 'shop', '--json');
    expect(back).toMatchObject({ exit: 0 });
    const view = JSON.parse(back.out) as SetSwitchedView;
    expect(view.services.map(({ service, release }) => [service, release])).toEqual([
      ['web', 1],
      ['api', 1],
    ]);
    await load.answeredBy(1);
    expectOneMoment(await load.stop(), 2, 1);
    for (const [words, said] of [
      [['status', '--set', 'shop'], 'set shop  web, api'],
      [['history', '--set', 'shop'], 'web 3: release 1 (v1), api 3: release 1 (v1)'],
      [['status', 'web'], 'changes at one moment with set shop (web, api)'],
    ] as const)
      expect((await cutover(...words)).out).toContain(said);
  });

  test('stays where it is, whole, if one of them fails its check', async () => {
    write(2, (service, spec) => (service === 'api' ? spec.replace('path: / }', 'path: /nothing }') : spec));
    const load = clients(6);
    const failed = await cutover('deploy', '--set', 'set.yaml', '--version', 'v3', '--json');
    expect(failed.exit).toBe(6);
    const answer = JSON.parse(failed.out) as { error: { code: string; message: string }; set: SetView };
    expect(answer.error.code).toBe('verify-failed');
    expect(answer.set.services.map(({ status }) => status)).toEqual(['undone', 'undone']);
    expect(new Set((await load.stop()).map(({ release }) => release))).toEqual(new Set([1]));
    const receipt = await cutover('receipt', '--set', 'shop', '--json');
    expect(JSON.parse(receipt.out)).toMatchObject({ set: 'shop', number: 4, outcome: 'undone' });
  });
});
