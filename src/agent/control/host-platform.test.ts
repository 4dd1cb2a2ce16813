import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCommandRunner } from '../../checks/command-runner.ts';
import { systemClock } from '../../clocks/system.ts';
import { formatAddress } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Release } from '../../core/release.ts';
import type { EnvironmentRef, InstanceStatus } from '../../ports/platform.ts';
import { slotCount } from '../../platforms/choose-placement.ts';
import { Enrollments } from '../../platforms/host/enrollment.ts';
import { HostPlatform } from '../../platforms/host/host-platform.ts';
import { SshHosts } from '../../platforms/host/ssh/ssh-hosts.ts';
import { spread } from '../../platforms/host/spread.ts';
import { createProcessPlatform, type ProcessPlatform } from '../../platforms/process/platform.ts';
import { removeSealed } from '../../platforms/process/sealed-tree.ts';
import { suiteEnvironments, suiteLayers, testRelease } from '../../testing/platform-release.ts';
import { platformSuite } from '../../testing/platform.suite.ts';
import { Host } from '../../testing/agent-host.ts';

const fixtures = join(import.meta.dirname, '../../../test/fixtures/platform');
const source = { kind: 'directory', path: fixtures } as const;
const blue: EnvironmentRef = { service: 'shop', colour: 'blue' };
const green: EnvironmentRef = { service: 'shop', colour: 'green' };
const colours = { blue: ['web1', 'web2'], green: ['web3'] };

/** Homes of agents on one machine whose instances begin to look for ports far from one another, as they would on machines of their own. */
function homesApart(root: string, names: readonly string[]): string[] {
  const taken: number[] = [];
  return names.map((name) => {
    for (let n = 0; ; n++) {
      const home = join(root, `${name}-${n}`);
      const slot = Number(BigInt(Bun.hash(`${home}\0shop`)) % BigInt(slotCount)) % 375;
      if (taken.every((other) => Math.abs(other - slot) > 2)) {
        taken.push(slot);
        return home;
      }
    }
  });
}

/** A controller's platform, and three hosts with agents. */
class Fleet {
  hosts: Host[] = [];
  said: string[] = [];
  own: ProcessPlatform;
  platform: HostPlatform;

  private constructor(
    readonly root: string,
    readonly homes: readonly string[],
  ) {
    this.own = createProcessPlatform({ home: join(root, 'controller'), clock: systemClock });
    this.platform = this.#make();
  }

  static async open(): Promise<Fleet> {
    const root = mkdtempSync(join(tmpdir(), 'cutover fleet '));
    mkdirSync(join(root, 'controller'));
    const names = ['web1', 'web2', 'web3'];
    const fleet = new Fleet(root, homesApart(root, names));
    for (const [n, name] of names.entries()) {
      const host = await Host.open(fleet.homes[n] ?? '');
      fleet.hosts.push(host);
      await new Enrollments(join(root, 'controller')).enroll(name, host.listening.address, host.token());
    }
    return fleet;
  }

  #make(): HostPlatform {
    const home = join(this.root, 'controller');
    const enrollments = new Enrollments(home);
    return new HostPlatform({
      home,
      workshop: this.own,
      client: (host) => enrollments.client(host),
      hosts: () => enrollments.names(),
      commands: createCommandRunner({ clock: systemClock }),
      ssh: new SshHosts({
        program: () => Promise.reject(new Error('there is none by SSH')),
        say: () => undefined,
      }),
      say: (text) => void this.said.push(text),
    });
  }

  /** The controller dies, and another takes its place. */
  async restart(): Promise<void> {
    await this.own.close();
    this.own = createProcessPlatform({ home: join(this.root, 'controller'), clock: systemClock });
    this.platform = this.#make();
  }

  /** Its agent answers no more; what runs there goes on. */
  async lose(n: number): Promise<void> {
    await this.hosts[n]?.close();
  }

  async comeBack(n: number): Promise<void> {
    const before = this.hosts[n];
    if (before) this.hosts[n] = await Host.open(before.home, before.listening.address);
  }

  async close(): Promise<void> {
    for (const host of this.hosts) {
      for (const ref of [blue, green]) await host.platform.stop(ref);
      await host.close();
    }
    await this.own.close();
    await removeSealed(this.root);
  }
}

const releaseOf = (number: number, more: object = {}): Release =>
  testRelease(number, source, suiteLayers(['./idle.sh']), {
    environments: suiteEnvironments,
    platform: { driver: 'host', hosts: colours, ...more },
  });

platformSuite('host', async () => {
  const fleet = await Fleet.open();
  const harness = {
    platform: fleet.platform,
    release: (number: number) => releaseOf(number),
    broken: (number: number): Release => ({
      ...releaseOf(number),
      source: { kind: 'directory', path: join(fleet.root, 'absent') },
    }),
    async reopen() {
      for (const n of [0, 1, 2]) {
        await fleet.lose(n);
        await fleet.comeBack(n);
      }
      await fleet.restart();
      harness.platform = fleet.platform;
    },
    crash: (_: EnvironmentRef, { pid }: InstanceStatus) => {
      if (pid === null) throw new Error('it does not run');
      process.kill(pid, 'SIGKILL');
    },
    close: () => fleet.close(),
  };
  return harness;
});

describe('a stack of hosts', () => {
  let fleet: Fleet;
  beforeEach(async () => {
    fleet = await Fleet.open();
  });
  afterEach(() => fleet.close());

  const failure = async (promise: Promise<unknown>): Promise<CutoverError> => {
    const found = await promise.catch((error: unknown) => error);
    if (found instanceof CutoverError) return found;
    throw found instanceof Error ? found : new Error('it did not fail');
  };
  const running = async (n: number, ref = blue): Promise<string[]> =>
    ((await fleet.hosts[n]?.platform.inspect(ref)) ?? []).map(({ layer, index }) => `${layer}-${index}`);
  const bringUp = async (release: Release): Promise<void> => {
    await fleet.platform.ship('shop', release, undefined, 'blue');
    await fleet.platform.start(blue, release, await fleet.platform.place(blue, release, null));
  };

  test('has its instances divided between them, the same content on each, and none on those of the other colour', async () => {
    await bringUp(releaseOf(1));
    expect([await running(0), await running(1), await running(2)]).toEqual([
      ['web-0', 'worker-0'],
      ['web-0'],
      [],
    ]);
    const digests = await Promise.all(
      fleet.hosts.map(async ({ platform }) => (await platform.find('shop', 1))?.digest),
    );
    const made = (await fleet.own.find('shop', 1))?.digest ?? 'none';
    expect(digests).toEqual([made, made, undefined]);
    const seen = await fleet.platform.inspect(blue);
    expect(seen.map(({ layer, index, state }) => `${layer}-${index} ${state}`)).toEqual([
      'web-0 running',
      'web-1 running',
      'worker-0 running',
    ]);
    expect(new Set(seen.map(({ address }) => formatAddress(address))).size).toBe(3);
  });

  test('goes on without a host that is away when it begins, if so many may be, and is refused if not', async () => {
    await fleet.lose(1);
    const strict = releaseOf(1);
    const refused = await failure(fleet.platform.ship('shop', strict, undefined, 'blue'));
    expect([refused.code, refused.message]).toEqual([
      'agent-absent',
      expect.stringContaining('1 of 2 hosts failed: host web2') as string,
    ]);
    expect((await failure(fleet.platform.place(blue, strict, null))).code).toBe('agent-absent');
    const hosts = { blue: ['web1', 'web2'], green: ['web3', 'web4'] };
    await bringUp(releaseOf(2, { hosts, mayMiss: 1 }));
    expect(await running(0)).toEqual(['web-0', 'web-1', 'worker-0']);
    expect(fleet.said.some((text) => text.includes('web2 does not answer, and is passed over'))).toBe(true);
    await fleet.comeBack(1);
  });

  test('goes on without a host that dies later, if so many may be away: it is not spoken of any more, and is stopped when it is back', async () => {
    const hosts = { blue: ['web1', 'web2'], green: ['web3', 'web4'] };
    const release = testRelease(
      1,
      source,
      { web: suiteLayers(['./idle.sh'])['web'] ?? { command: [] } },
      {
        platform: { driver: 'host', hosts, mayMiss: 1 },
      },
    );
    await bringUp(release);
    const [first] = await fleet.platform.inspect(blue);
    const placement = {
      instances: (await fleet.platform.inspect(blue)).map(({ layer, index, address }) => ({
        layer,
        index,
        address,
      })),
    };
    const strict = {
      ...release,
      spec: { ...release.spec, platform: { ...release.spec.platform, mayMiss: 0 } },
    };
    expect(await fleet.platform.exclude(blue, release, placement)).toBeNull();
    await fleet.lose(1);
    expect(await fleet.platform.exclude(blue, strict, placement)).toBeNull();
    const less = await fleet.platform.exclude(blue, release, placement);
    expect(less).toEqual({ placement: { instances: placement.instances.slice(0, 1) }, lost: ['web2'] });
    // Also for whoever has died before hearing of it.
    await fleet.restart();
    expect(await fleet.platform.exclude(blue, release, placement)).toEqual(less);
    expect(await fleet.platform.inspect(blue)).toEqual(first ? [first] : []);
    await fleet.platform.start(blue, release, less?.placement ?? placement);
    expect(await fleet.platform.inspect(blue)).toEqual(first ? [first] : []);
    await fleet.lose(0);
    // Nothing would be left.
    expect(await fleet.platform.exclude(blue, release, placement)).toBeNull();
    await fleet.comeBack(0);
    await fleet.comeBack(1);
    expect(await running(1)).toEqual(['web-0']);
    await fleet.platform.stop(blue);
    expect([await running(0), await running(1)]).toEqual([[], []]);
  });

  test('is not left without any instance of a layer: then a host that dies is no host to go on without', async () => {
    const hosts = { blue: ['web1', 'web2'], green: ['web3', 'web4'] };
    const release = releaseOf(1, { hosts, mayMiss: 1 });
    await bringUp(release);
    const instances = (await fleet.platform.inspect(blue)).map(({ layer, index, address }) => ({
      layer,
      index,
      address,
    }));
    await fleet.lose(0); // The only worker is there.
    expect(await fleet.platform.exclude(blue, release, { instances })).toBeNull();
    await fleet.comeBack(0);
  });

  test('is readied by a command, which knows the hosts and the variables of the environment, and whose failure is the step’s', async () => {
    const script = join(fleet.root, 'ready.sh');
    writeFileSync(
      script,
      '#!/bin/sh\necho "$CUTOVER_ENVIRONMENT $CUTOVER_RELEASE $CUTOVER_HOSTS $COLOUR_IS $TOKEN $1 $(pwd)" >>"$2"\ncp "$CUTOVER_INVENTORY" "$2.json"\necho said\nexit "$CODE"\n',
      { mode: 0o755 },
    );
    writeFileSync(join(fleet.root, 'token'), 'sesame\n');
    const log = join(fleet.root, 'log');
    const release = (number: number, code: number, more: object = {}): Release => ({
      ...releaseOf(number, {
        hosts: { blue: ['web1', 'web2'], green: ['web3', 'web4'] },
        ship: {
          command: [script, '{CUTOVER_VERSION}', log],
          variables: { CODE: code, TOKEN: { file: 'token' } },
          timeout: '5s',
        },
        ...more,
      }),
      base: fleet.root,
    });
    const made = await fleet.platform.ship('shop', release(1, 0), undefined, 'blue');
    const line = `blue 1 web1 web2 blue sesame v1 ${made.directory}\n`;
    expect(await Bun.file(log).text()).toBe(line);
    expect(await Bun.file(`${log}.json`).json()).toMatchObject({
      all: {
        hosts: { web1: { ansible_host: '127.0.0.1' }, web2: {} },
        vars: { cutover_environment: 'blue' },
      },
    });
    expect(await Bun.file(join(fleet.root, 'controller/stacks/shop/blue-ship.log')).text()).toContain('said');
    // Making it alone readies nobody.
    await fleet.platform.ship('shop', release(1, 0));
    expect(await Bun.file(log).text()).toBe(line);
    const error = await failure(fleet.platform.ship('shop', release(2, 3), undefined, 'blue'));
    expect([error.code, error.detail['output']]).toEqual(['ship-failed', ['said']]);
    expect(await fleet.hosts[0]?.platform.find('shop', 2)).toBeNull();
    await fleet.lose(1);
    await fleet.platform.ship('shop', release(3, 0, { mayMiss: 1 }), undefined, 'blue');
    expect((await Bun.file(log).text()).trimEnd().split('\n').at(-1)).toStartWith('blue 3 web1 blue');
    await fleet.comeBack(1);
  });

  test('that fails at one host says what came of each, and goes back as one', async () => {
    const release = releaseOf(1);
    await fleet.platform.ship('shop', release, undefined, 'blue');
    const placement = await fleet.platform.place(blue, release, null);
    await fleet.lose(1);
    const error = await failure(fleet.platform.start(blue, release, placement));
    expect(error.detail['hosts']).toEqual([
      { host: 'web1', error: null },
      { host: 'web2', error: 'agent-absent' },
    ]);
    // The undo of the step.
    await fleet.platform.stop(blue);
    expect([await running(0), await fleet.platform.inspect(blue)]).toEqual([[], []]);
    await fleet.comeBack(1);
  });

  test('stops what a host was left with before the host is used again', async () => {
    await bringUp(releaseOf(1));
    await fleet.lose(1);
    const states = async (): Promise<string[]> =>
      (await fleet.platform.inspect(blue)).map(({ index, layer, state }) => `${layer}-${index} ${state}`);
    expect(await states()).toEqual(['web-0 running', 'web-1 stopped', 'worker-0 running']);
    await fleet.platform.stop(blue);
    await fleet.restart();
    await fleet.comeBack(1);
    expect(await running(1)).toEqual(['web-0']);
    const next = releaseOf(2);
    await fleet.platform.place(blue, next, null);
    expect(await running(1)).toEqual([]);
  });

  test('keeps to its hosts when the spec names others for the next release', async () => {
    await bringUp(releaseOf(1));
    const moved = releaseOf(2, { hosts: { blue: ['web3'], green: ['web1'] } });
    await bringUp(moved);
    expect([await running(0), await running(1), await running(2)]).toEqual([
      [],
      [],
      ['web-0', 'web-1', 'worker-0'],
    ]);
    await fleet.platform.stop(blue);
    expect(await running(2)).toEqual([]);
  });

  test('says which host is not enrolled', async () => {
    const release = releaseOf(1, { hosts: { blue: ['web1', 'web9'], green: ['web3'] } });
    const error = await failure(fleet.platform.place(blue, release, null));
    expect([error.code, error.message]).toEqual([
      'agent-refused',
      expect.stringContaining('host web9: expected that this controller is enrolled there') as string,
    ]);
  });

  test('does not begin with a damaged record of its own', async () => {
    await bringUp(releaseOf(1));
    writeFileSync(join(fleet.root, 'controller/stacks/shop/blue.json'), '{');
    expect((await failure(fleet.platform.stop(blue))).code).toBe('state-damaged');
  });
});

test.each([
  [{ web: 4 }, ['a', 'b'], 'a0 b0 a1 b1'],
  [{ web: 3, worker: 1 }, ['a', 'b'], 'a0 b0 a1 b0'],
  [{ web: 2 }, ['a', 'b', 'c'], 'a0 b0'],
  [{ web: 1, worker: 1, jobs: 1 }, ['a', 'b'], 'a0 b0 a0'],
])('%p on %p is %p', (layers, hosts, expected) => {
  const seats = spread(
    Object.entries(layers).map(([layer, instances]) => ({ layer, instances })),
    hosts,
  );
  expect(seats.map(({ host, local }) => `${host}${local}`).join(' ')).toBe(expected);
});
