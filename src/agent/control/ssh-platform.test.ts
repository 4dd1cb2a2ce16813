import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { Database } from 'bun:sqlite';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCommandRunner } from '../../checks/command-runner.ts';
import { systemClock } from '../../clocks/system.ts';
import type { Release } from '../../core/release.ts';
import type { SpecInput } from '../../core/spec.ts';
import type { EnvironmentRef, InstanceStatus } from '../../ports/platform.ts';
import { HostPlatform } from '../../platforms/host/host-platform.ts';
import { Hello, Nothing } from '../../platforms/host/protocol.ts';
import { shellLine } from '../../platforms/host/ssh/shell-words.ts';
import { SshHosts } from '../../platforms/host/ssh/ssh-hosts.ts';
import { wayTo } from '../../platforms/host/ssh/way.ts';
import { slotCount } from '../../platforms/choose-placement.ts';
import { createProcessPlatform, type ProcessPlatform } from '../../platforms/process/platform.ts';
import { removeSealed } from '../../platforms/process/sealed-tree.ts';
import { suiteEnvironments, suiteLayers, testRelease } from '../../testing/platform-release.ts';
import { platformSuite, until } from '../../testing/platform.suite.ts';
import { makeKey, SshServer } from '../../testing/ssh-server.ts';

const fixtures = join(import.meta.dirname, '../../../test/fixtures/platform');
const source = { kind: 'directory', path: fixtures } as const;
const blue: EnvironmentRef = { service: 'shop', colour: 'blue' };
const green: EnvironmentRef = { service: 'shop', colour: 'green' };
let names: readonly string[];

/** Of hosts on one machine whose instances begin to look for ports far from one another, as they would on machines of their own. */
function apart(root: string): string[] {
  const taken: number[] = [];
  return names.map((name) => {
    for (let n = 0; ; n++) {
      const folder = join(root, `${name}-${n}`);
      const home = join(folder, 'home/.cutover/host');
      const slot = Number(BigInt(Bun.hash(`${home}\0shop`)) % BigInt(slotCount)) % 375;
      if (taken.every((other) => Math.abs(other - slot) > 2)) {
        taken.push(slot);
        return folder;
      }
    }
  });
}

/** A controller's platform, and hosts with sshd and nothing else. */
class Fleet {
  servers: SshServer[] = [];
  said: string[] = [];
  own: ProcessPlatform;
  ssh: SshHosts;
  platform: HostPlatform;

  private constructor(readonly root: string) {
    this.own = this.#makeOwn();
    this.ssh = this.#makeSsh();
    this.platform = this.#make();
  }

  static async open(hosts: number): Promise<Fleet> {
    names = ['web1', 'web2', 'web3'].slice(0, hosts);
    const root = mkdtempSync(join(tmpdir(), "cutover ssh'd "));
    mkdirSync(join(root, 'controller'));
    const key = makeKey(join(root, 'id'));
    const fleet = new Fleet(root);
    // This program, as it is here: that it is brought over is another test's.
    const program = join(root, 'program');
    writeFileSync(
      program,
      `#!/bin/sh\nexec ${shellLine([process.execPath, join(import.meta.dirname, '../../cli/main.ts')])} "$@"\n`,
    );
    chmodSync(program, 0o755);
    fleet.servers = await Promise.all(apart(root).map((folder) => SshServer.open(folder, [key])));
    const lines = await Promise.all(fleet.servers.map((server) => server.known()));
    writeFileSync(join(root, 'known_hosts'), lines.join(''));
    return fleet;
  }

  #makeOwn(): ProcessPlatform {
    return createProcessPlatform({ home: join(this.root, 'controller'), clock: systemClock });
  }

  #makeSsh(): SshHosts {
    return new SshHosts({
      program: () => Promise.reject(new Error('each spec names one')),
      say: (text) => void this.said.push(text),
    });
  }

  #make(): HostPlatform {
    return new HostPlatform({
      home: join(this.root, 'controller'),
      workshop: this.own,
      client: (host) => {
        throw new Error(`host ${host} has no agent`);
      },
      hosts: () => [],
      commands: createCommandRunner({ clock: systemClock }),
      ssh: this.ssh,
      say: (text) => void this.said.push(text),
    });
  }

  release(
    number: number,
    more: object = {},
    ssh: object = {},
    variables: SpecInput['environments']['variables'] = {},
  ): Release {
    return {
      ...testRelease(number, source, suiteLayers(['./idle.sh']), {
        environments: { ...suiteEnvironments, variables },
        platform: {
          driver: 'host',
          hosts: { blue: names.slice(0, -1), green: names.slice(-1) },
          ssh: {
            key: 'id',
            knownHosts: 'known_hosts',
            program: 'program',
            hosts: Object.fromEntries(
              this.servers.map(({ host, port }, n) => [names[n] ?? '', { host, port }]),
            ),
            ...ssh,
          },
          ...more,
        },
      }),
      base: this.root,
    };
  }

  /** The controller dies, and another takes its place. */
  async restart(): Promise<void> {
    await this.platform.close();
    await this.own.close();
    this.own = this.#makeOwn();
    this.ssh = this.#makeSsh();
    this.platform = this.#make();
  }

  stateOf(n: number): string {
    return join(this.servers[n]?.home ?? '', '.cutover/host');
  }

  /** Who looks after the instances of a host. */
  async stayingAt(n: number): Promise<number[]> {
    const found: number[] = [];
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const words = await Bun.file(`/proc/${pid}/cmdline`)
        .text()
        .catch(() => ''); // It has ended.
      if (words.includes('\0serve\0') && words.includes(`\0${this.stateOf(n)}\0`)) found.push(Number(pid));
    }
    return found;
  }

  async close(): Promise<void> {
    for (const ref of [blue, green]) await this.platform.stop(ref);
    const release = this.release(1);
    for (const [n, name] of names.entries()) {
      const way = wayTo(name, release);
      if (way === null || !existsSync(join(this.stateOf(n), 'agent/host.lock'))) continue;
      await this.ssh.client(name, way).call('leave', {}, Nothing);
      // It holds this as long as it lives.
      const lock = new Database(join(this.stateOf(n), 'agent/host.lock'));
      lock.run('PRAGMA busy_timeout = 5000');
      lock.run('BEGIN EXCLUSIVE');
      lock.close();
    }
    await this.platform.close();
    await this.own.close();
    for (const server of this.servers) await server.stop();
    await removeSealed(this.root);
  }
}

platformSuite('host by SSH', async () => {
  const fleet = await Fleet.open(2);
  const harness = {
    platform: fleet.platform,
    release: (number: number) => fleet.release(number),
    broken: (number: number): Release => ({
      ...fleet.release(number),
      source: { kind: 'directory', path: join(fleet.root, 'absent') },
    }),
    async reopen() {
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

describe('hosts by SSH', () => {
  let fleet: Fleet;
  beforeEach(async () => {
    fleet = await Fleet.open(3);
  });
  afterEach(() => fleet.close());

  const bringUp = async (release: Release): Promise<void> => {
    await fleet.platform.ship('shop', release, undefined, 'blue');
    await fleet.platform.start(blue, release, await fleet.platform.place(blue, release, null));
  };
  const states = async (): Promise<string[]> =>
    (await fleet.platform.inspect(blue)).map(({ layer, index, state }) => `${layer}-${index} ${state}`);
  const all = ['web-0 running', 'web-1 running', 'worker-0 running'];

  test('are given secrets that nobody else there can read, and no argument of a program says', async () => {
    writeFileSync(join(fleet.root, 'secret'), 'open sesame\n', { mode: 0o600 });
    const release = fleet.release(1, {}, {}, { TOKEN: { file: 'secret' } });
    await bringUp(release);
    const [first] = await fleet.platform.inspect(blue);
    const environment = await Bun.file(`/proc/${first?.pid ?? 0}/environ`).text();
    expect(environment.split('\0')).toContain('TOKEN=open sesame');
    // Whatever is below the home there, beside what was shipped.
    const state = fleet.stateOf(0);
    for (const path of new Bun.Glob('**').scanSync({
      cwd: join(state, 'agent'),
      dot: true,
      onlyFiles: false,
    }))
      expect([path, statSync(join(state, 'agent', path)).mode & 0o077]).toEqual([path, 0]);
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const words = await Bun.file(`/proc/${pid}/cmdline`)
        .text()
        .catch(() => ''); // It has ended.
      expect(words).not.toContain('sesame');
    }
  });

  test('have their instances looked after while no controller does, and after a reboot by the next that comes', async () => {
    await bringUp(fleet.release(1));
    const [first] = await fleet.platform.inspect(blue);
    if (typeof first?.pid !== 'number') throw new Error('nothing was started');
    await fleet.platform.close();
    process.kill(first.pid, 'SIGKILL');
    await fleet.restart();
    await until(async () => (await states()).join() === all.join(), 'the restart');
    // As after a reboot: nothing of us runs there.
    const before = await fleet.platform.inspect(blue);
    for (const n of [0, 1]) for (const pid of await fleet.stayingAt(n)) process.kill(pid, 'SIGKILL');
    for (const { pid } of before) if (pid !== null) process.kill(pid, 'SIGKILL');
    await fleet.restart();
    await fleet.platform.adopt();
    await until(async () => (await states()).join() === all.join(), 'the instances to be back');
  });

  test('go on without one that is away when a release begins, and stop what it was left with when it is back', async () => {
    const mayMiss = { mayMiss: 1, hosts: { blue: ['web1', 'web2'], green: ['web3', 'web4'] } };
    await bringUp(fleet.release(1, mayMiss));
    const left = await fleet.platform.inspect(blue);
    await fleet.servers[1]?.stop();
    await fleet.platform.stop(blue);
    expect(fleet.said.join()).toContain('host web2 does not answer; it is stopped when it does');
    await bringUp(fleet.release(2, mayMiss));
    expect(await states()).toEqual(all);
    const onLost = left.find(({ index }) => index === 1)?.pid ?? 0;
    expect(existsSync(`/proc/${onLost}`)).toBe(true);
    await fleet.servers[1]?.start();
    await fleet.platform.stop(blue);
    await bringUp(fleet.release(3, mayMiss));
    expect(existsSync(`/proc/${onLost}`)).toBe(false);
  });

  test('are readied by the example of a ship command', async () => {
    const app = join(fleet.root, 'app');
    cpSync(fixtures, app, { recursive: true });
    cpSync(join(import.meta.dirname, '../../../examples/ready-hosts/ready.mjs'), join(app, 'ready.mjs'));
    mkdirSync(join(app, 'host-files'));
    writeFileSync(join(app, 'host-files/limits.conf'), 'files 4096\n');
    const ship = { command: ['node', 'ready.mjs'] };
    const release = { ...fleet.release(1, { ship }), source: { kind: 'directory' as const, path: app } };
    await fleet.platform.ship('shop', release, undefined, 'blue');
    for (const server of fleet.servers.slice(0, 2))
      expect(await Bun.file(join(server.home, 'shop/limits.conf')).text()).toBe('files 4096\n');
    expect(existsSync(join(fleet.servers[2]?.home ?? '', 'shop'))).toBe(false);
    expect(await Bun.file(join(fleet.root, 'controller/stacks/shop/blue-ship.log')).text()).toContain(
      'web2: ready for release 1',
    );
  });

  test('get this very program once, whole, and none that is of another kind', async () => {
    const { selfFiles } = await import('../../cli/self-files.ts');
    const { version } = await import('../../cli/version.ts');
    const hosts = new SshHosts({
      program: async () => ({ files: await selfFiles() }),
      say: (text) => void fleet.said.push(text),
    });
    try {
      const way = wayTo('web3', fleet.release(1, {}, { program: undefined }));
      if (way === null) throw new Error('it is reached by SSH');
      expect(await hosts.client('web3', way).call('hello', {}, Hello)).toMatchObject({ version });
      const sent = (): string[] => fleet.said.filter((text) => text.includes(' gets '));
      expect(sent().map((text) => / gets (\S+) /.exec(text)?.[1])).toEqual(['bun', 'cutover.js']);
      await hosts.client('web3', way).call('leave', {}, Nothing);
      // Cut short, as by a loss of power: it is brought again, and the other is not.
      const [script = ''] = new Bun.Glob('programs/*/cutover.js').scanSync(fleet.stateOf(2));
      truncateSync(join(fleet.stateOf(2), script), 1000);
      await hosts.close();
      expect(await hosts.client('web3', way).call('hello', {}, Hello)).toMatchObject({ version });
      expect(sent().slice(2)).toEqual([expect.stringContaining(' gets cutover.js ') as string]);
      await hosts.client('web3', way).call('leave', {}, Nothing);
      writeFileSync(join(fleet.root, 'none'), 'no program', { mode: 0o755 });
      const wrong = wayTo('web3', fleet.release(1, {}, { program: 'none' }));
      const error =
        wrong &&
        (await hosts
          .client('web3', wrong)
          .call('hello', {}, Hello)
          .catch((found: unknown) => found));
      expect(error).toMatchObject({ code: 'ssh-refused' });
    } finally {
      await hosts.close();
    }
  }, 60_000);
});
