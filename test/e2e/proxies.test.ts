import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { Authority } from '../../src/agent/control/authority.ts';
import { Invitations } from '../../src/agent/control/invitations.ts';
import { Address } from '../../src/core/address.ts';
import type { SpecInput } from '../../src/core/spec.ts';
import { Enrollments } from '../../src/platforms/host/enrollment.ts';
import { hostKind, type PeerKind, proxyKind } from '../../src/platforms/host/peer-kind.ts';
import { removeSealed } from '../../src/platforms/process/sealed-tree.ts';
import { Machine, noMachines } from '../fixtures/machine.ts';
import { command, House, shop, until } from './house.ts';

const impossible = noMachines();
if (impossible !== null) process.stderr.write(`proxies: skipped: ${impossible}\n`);

const port = 8080;
const controlPort = 7443;

type Child = Bun.Subprocess<'ignore', 'pipe', 'ignore' | number>;

/** Starts one of our programs and waits until it says that it is ready. */
async function started(words: readonly string[], log: string): Promise<{ child: Child; ready: unknown }> {
  const child = Bun.spawn([...words], {
    detached: true,
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    stdio: ['ignore', 'pipe', openSync(log, 'a')],
  });
  let text = '';
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.endsWith('\n}\n')) return { child, ready: JSON.parse(text) };
  }
  throw new Error(`${words.join(' ')} ended:\n${readFileSync(log, 'utf8')}`);
}

/** A proxy on a machine of its own. */
class Edge {
  #child: Child | undefined;

  constructor(
    readonly name: string,
    readonly machine: Machine,
    readonly home: string,
  ) {}

  async start(): Promise<void> {
    const words = ['proxy', 'join', '--home', this.home, '--control', `${this.machine.there}:${controlPort}`];
    const { child } = await started(
      this.machine.command([...command(), ...words, '--workers', '2', '--json']),
      join(this.home, 'log'),
    );
    this.#child = child;
  }

  /** Its keeper dies at once, and its workers live on. */
  async loseKeeper(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#child?.exited;
  }

  /** The machine is switched off. */
  async die(): Promise<void> {
    const { stdout } = Bun.spawnSync(['ip', 'netns', 'pids', this.machine.name], {
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    });
    for (const pid of stdout.toString().trim().split('\n').filter(Boolean))
      process.kill(Number(pid), 'SIGKILL');
    await this.#child?.exited;
  }

  log = (): string => readFileSync(join(this.home, 'log'), 'utf8');
}

let house: House;
let root: string;
let edges: Edge[];
let agents: Child[];

async function enroll(kind: PeerKind, name: string, address: Address, folder: string): Promise<void> {
  const { fingerprint } = await Authority.open(folder);
  const secret = new Invitations(folder).invite(Date.now() + 60_000, Date.now());
  await new Enrollments(house.home, kind).enroll(name, address, { authority: fingerprint, secret });
}

async function open(count: number): Promise<void> {
  root = mkdtempSync(join(tmpdir(), 'cutover proxies '));
  house = await House.open({ workers: 1 });
  for (let index = 1; index <= count; index++) {
    const home = join(root, `edge${index}`);
    mkdirSync(home);
    const edge = new Edge(`edge${index}`, Machine.make(index), home);
    edges.push(edge);
  }
  await Promise.all(edges.map((edge) => edge.start()));
  for (const { name, machine, home } of edges)
    await enroll(proxyKind, name, machine.at(controlPort), join(home, 'proxy/control'));
  for (const name of ['web1', 'web2']) {
    const home = join(root, name);
    mkdirSync(home);
    const { child, ready } = await started(
      [
        ...command(),
        ...['agent', 'run', '--home', home, '--control', '127.0.0.1:0'],
        // All edges reach it: it is this machine's, whichever cable it is on.
        ...['--advertise', edges[0]?.machine.here ?? '127.0.0.1', '--json'],
      ],
      join(home, 'log'),
    );
    agents.push(child);
    const { control } = z.object({ control: Address }).parse(ready);
    await enroll(hostKind, name, { host: '127.0.0.1', port: control.port }, join(home, 'agent'));
  }
}

beforeEach(() => {
  edges = [];
  agents = [];
});
afterEach(async () => {
  await house.close();
  for (const child of agents) {
    child.kill('SIGTERM');
    await child.exited;
  }
  for (const edge of edges) {
    await edge.die();
    edge.machine.remove();
  }
  await removeSealed(root);
});

const entering =
  (more: object = {}) =>
  (spec: SpecInput): SpecInput => ({
    ...spec,
    router: { listen: `0.0.0.0:${port}`, proxies: edges.map(({ name }) => name), ...more },
    platform: { driver: 'host', hosts: { blue: ['web1'], green: ['web2'] } },
    strategy: { ...spec.strategy, drain: '50ms' },
  });

/** One answer of one edge. */
interface Seen {
  readonly edge: string;
  readonly sentAt: number;
  readonly status: number | null;
  readonly release: string | null;
}

/** Users of every edge, one request after the other, who note what they got and when they asked. */
class Users {
  readonly seen: Seen[] = [];
  #stop = false;
  readonly #all: Promise<unknown>;

  constructor(each = 3) {
    this.#all = Promise.all(edges.flatMap((edge) => Array.from({ length: each }, () => this.#one(edge))));
  }

  async #one({ name, machine }: Edge): Promise<void> {
    while (!this.#stop) {
      const sentAt = performance.now();
      try {
        const response = await fetch(`http://${machine.there}:${port}/`, {
          signal: AbortSignal.timeout(10_000),
        });
        await response.arrayBuffer();
        const release = response.headers.get('x-shop-release');
        this.seen.push({ edge: name, sentAt, status: response.status, release });
      } catch {
        this.seen.push({ edge: name, sentAt, status: null, release: null });
        await Bun.sleep(10);
      }
    }
  }

  async stop(): Promise<readonly Seen[]> {
    this.#stop = true;
    await this.#all;
    return this.seen;
  }
}

interface Switch {
  readonly at: number;
  readonly release: string;
}

/** Switches to the other side; when it has returned, and what everybody gets from then on. */
async function switched(): Promise<Switch> {
  const { to, release, deployment } = await house.rollback();
  const at = performance.now();
  expect(['blue', 'green']).toContain(to);
  await house.settled(deployment);
  return { at, release: String(release) };
}

/** Answers of a former side to requests that were sent after a switch had returned and before the next was ordered. */
function late(seen: readonly Seen[], switches: readonly (Switch & { until: number })[]): Seen[] {
  return seen.filter(({ sentAt, release }) =>
    switches.some(
      (each) => sentAt > each.at && sentAt < each.until && release !== null && release !== each.release,
    ),
  );
}

const answer = async (edge: Edge): Promise<{ status: number; release: string | null }> => {
  const response = await fetch(`http://${edge.machine.there}:${port}/`, {
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(10_000),
  });
  await response.arrayBuffer();
  return { status: response.status, release: response.headers.get('x-shop-release') };
};

test.skipIf(impossible !== null)(
  'three proxies on three machines switch twenty times as one under load, and no request is lost or late, also when the controller is restarted in between',
  async () => {
    await open(3);
    expect((await house.deployed(shop(1), entering())).status).toBe('succeeded');
    expect((await house.deployed(shop(2), entering())).status).toBe('succeeded');
    const users = new Users();
    await until('everybody was served', () => (users.seen.length > 100 ? true : undefined));
    const switches: (Switch & { until: number })[] = [];
    for (let count = 0; count < 20; count++) {
      if (count === 10) {
        await house.kill();
        await house.start({ workers: 1 });
      }
      const former = switches.at(-1);
      if (former) former.until = performance.now();
      switches.push({ ...(await switched()), until: Infinity });
    }
    const seen = await users.stop();
    expect(seen.filter(({ status }) => status !== 200)).toEqual([]);
    expect(late(seen, switches)).toEqual([]);
    // Both sides were seen at each of them, or nothing is shown.
    for (const { name } of edges)
      expect(
        [...new Set(seen.filter(({ edge }) => edge === name).map(({ release }) => release))].sort(),
      ).toEqual(['1', '2']);
    const { proxies } = await house.status();
    expect(proxies?.map(({ name, absent }) => [name, absent])).toEqual(edges.map(({ name }) => [name, null]));
  },
  120_000,
);

test.skipIf(impossible !== null)(
  'a proxy that is gone keeps a switch from happening, or is left out, as the spec says; it comes back by what was decided, and a hold that nobody ends is bounded',
  async () => {
    await open(2);
    const [first, second] = edges;
    if (!first || !second) throw new Error('two edges were made');
    expect((await house.deployed(shop(1), entering())).status).toBe('succeeded');
    expect((await house.deployed(shop(2), entering())).status).toBe('succeeded');

    await second.die();
    const refused = await house.rollback().then(
      () => null,
      (error: unknown) => String(error),
    );
    expect(refused).toContain('proxy-absent');
    expect(refused).toContain('found none of edge2');
    expect(await answer(first)).toEqual({ status: 200, release: '2' });
    // Nothing is switched without it, so it may serve by its disk.
    await second.start();
    expect(await answer(second)).toEqual({ status: 200, release: '2' });

    const goingOn = entering({ missing: 'go-on', lease: '2s', hold: '1s' });
    await until('edge2 is reached', async () => {
      const { proxies = [] } = await house.status();
      return proxies.every(({ absent }) => absent === null) ? true : undefined;
    });
    await house.settled((await house.service()).deployment?.id ?? 1);
    // Both sides say so: a switch goes by what the side says that it goes to.
    expect((await house.deployed(shop(1), goingOn)).status).toBe('succeeded');
    expect((await house.deployed(shop(2), goingOn)).status).toBe('succeeded');
    expect([await answer(first), await answer(second)]).toEqual([
      { status: 200, release: '4' },
      { status: 200, release: '4' },
    ]);

    // Users reach it, and the controller does not: it lets go of the old side before the switch goes on without it.
    second.machine.pull();
    const gone = await switched();
    expect(gone.release).toBe('3');
    expect(await answer(first)).toEqual({ status: 200, release: '3' });
    second.machine.plug();
    const back = await until('edge2 serves again', async () => {
      const found = await answer(second).catch(() => null);
      expect(found?.release).not.toBe('4');
      return found?.status === 200 ? found : undefined;
    });
    expect(back.release).toBe('3');

    // Its workers see to the lease by themselves: before the switch goes on without it they have let go of the old side.
    await second.loseKeeper();
    expect(await answer(second)).toEqual({ status: 200, release: '3' });
    const later = await switched();
    expect(later.release).not.toBe('3');
    expect(await answer(first)).toEqual({ status: 200, release: later.release });
    expect(await answer(second)).toEqual({ status: 503, release: null });
  },
  120_000,
);
