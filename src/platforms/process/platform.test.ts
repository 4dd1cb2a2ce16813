import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../clocks/system.ts';
import type { Placement } from '../../core/placement.ts';
import type { Release } from '../../core/release.ts';
import type { EnvironmentRef, InstanceStatus, Platform } from '../../ports/platform.ts';
import { suiteEnvironments, suiteLayers, testRelease } from '../../testing/platform-release.ts';
import { codeOf, platformSuite, until } from '../../testing/platform.suite.ts';
import type { Boundary } from './boundary.ts';
import { createProcessPlatform } from './platform.ts';

const fixtures = join(import.meta.dirname, '../../../test/fixtures/platform');
const source = { kind: 'directory', path: fixtures } as const;
const blue: EnvironmentRef = { service: 'shop', colour: 'blue' };

/** The processes that work in a release of this home, by looking at every one: what must be none in the end. */
function leftovers(home: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${home}/releases/`);
      } catch {
        return false; // gone, or another user's
      }
    })
    .map(Number);
}

platformSuite('process', async () => {
  const home = mkdtempSync(join(tmpdir(), 'cutover platform '));
  const open = (): Platform => createProcessPlatform({ home, clock: systemClock });
  const harness = {
    platform: open(),
    release: (number: number) =>
      testRelease(number, source, suiteLayers(['./idle.sh']), { environments: suiteEnvironments }),
    broken: (number: number) =>
      testRelease(number, { kind: 'directory', path: join(home, 'absent') }, suiteLayers(['./idle.sh'])),
    async reopen() {
      await harness.platform.close();
      harness.platform = open();
    },
    crash: (_ref: EnvironmentRef, { pid }: InstanceStatus) => {
      if (pid === null) throw new Error('it does not run');
      process.kill(pid, 'SIGKILL');
    },
    async close() {
      for (const colour of ['blue', 'green'] as const)
        await harness.platform.stop({ service: 'shop', colour });
      await harness.platform.close();
      makeRemovable(home);
      rmSync(home, { recursive: true });
    },
  };
  return Promise.resolve(harness);
});

/** Sealed releases cannot be removed by a user who is not root. */
function makeRemovable(path: string): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) makeRemovable(join(path, entry.name));
}

describe('process platform', () => {
  let home: string;
  let platform: Platform;
  let boundary: Boundary;
  let reports: unknown[];
  beforeEach(() => {
    home = realpathSync(mkdtempSync(join(tmpdir(), 'cutover platform ')));
    boundary = () => undefined;
    reports = [];
    platform = createProcessPlatform({
      home,
      clock: systemClock,
      boundary: (act) => boundary(act),
      report: (error) => reports.push(error),
    });
  });
  afterEach(async () => {
    boundary = () => undefined;
    for (const colour of ['blue', 'green'] as const) await platform.stop({ service: 'shop', colour });
    await platform.close();
    makeRemovable(home);
    rmSync(home, { recursive: true });
  });

  const only = (command: string[], more: object = {}): Record<string, { command: string[] }> => ({
    web: { command, ...more },
  });
  const start = async (release: Release, ref = blue): Promise<Placement> => {
    await platform.ship('shop', release);
    const placement = await platform.place(ref, release, null);
    await platform.start(ref, release, placement);
    return placement;
  };
  const line = (pattern: RegExp): Promise<RegExpExecArray> =>
    until(
      async () =>
        pattern.exec((await platform.logs(blue, { lines: 200 })).lines.map(({ text }) => text).join('\n')),
      String(pattern),
    );
  const isThere = (pid: number): boolean => {
    try {
      return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return false;
    }
  };

  test('gives a program a clean environment that nothing in the spec can bend', async () => {
    writeFileSync(join(home, 'secret'), 'hush hush\n');
    const release = testRelease(
      1,
      source,
      only(['./environment.sh'], {
        variables: {
          A: 'layer',
          B: 'layer',
          SECRET: { file: join(home, 'secret') },
          PORT: '1',
          CUTOVER_LAYER: 'other',
        },
      }),
      {
        environments: { variables: { A: 'all', ALL: 'all' }, blue: { variables: { B: 'blue' } } },
      },
    );
    process.env['CONTROLLER_TOKEN'] = 'not for programs';
    const placement = await start(release);
    delete process.env['CONTROLLER_TOKEN'];
    await line(/^ready$/m);
    const texts = (await platform.logs(blue, { lines: 200 })).lines.map(({ text }) => text);
    const [instance] = placement.instances;
    for (const expected of [
      'A=layer',
      'B=blue',
      'ALL=all',
      'SECRET=hush hush',
      `PORT=${instance?.address.port}`,
      `HOST=${instance?.address.host}`,
    ])
      expect(texts).toContain(expected);
    for (const expected of [
      'CUTOVER_SERVICE=shop',
      'CUTOVER_ENVIRONMENT=blue',
      'CUTOVER_RELEASE=1',
      'CUTOVER_VERSION=v1',
      'CUTOVER_LAYER=web',
      `PWD_IS=${home}/releases/shop/1`,
    ])
      expect(texts).toContain(expected);
    expect(texts.join('\n')).not.toContain('CONTROLLER_TOKEN');
    const records = readFileSync(join(home, 'environments/shop/blue/run.json'), 'utf8');
    expect(records).not.toContain('hush');
  });

  test('refuses a program, an interpreter or a secret that is not there, by name, and leaves what runs', async () => {
    await start(testRelease(1, source, only(['./idle.sh'])));
    const before = await platform.inspect(blue);
    const place = async (release: Release): Promise<string> => {
      try {
        await platform.ship('shop', release);
        await platform.start(blue, release, await platform.place(blue, release, null));
        return 'started';
      } catch (error) {
        return String(error);
      }
    };
    expect(await place(testRelease(2, source, only(['./absent.sh'])))).toMatch(
      /Layer web.*\.\/absent\.sh at .*releases\/shop\/2\/absent\.sh; found none/,
    );
    expect(await place(testRelease(3, source, only(['no-such-program'])))).toMatch(
      /Layer web.*no-such-program at the PATH/,
    );
    expect(await place(testRelease(4, source, only(['./listen.ts'])))).toMatch(/which is not executable/);
    expect(
      await place(
        testRelease(5, source, only(['./idle.sh'], { variables: { KEY: { file: '/absent/key' } } })),
      ),
    ).toMatch(/KEY in \/absent\/key; found no such file/);
    expect(await platform.inspect(blue)).toEqual(before);
  });

  test('tells where a program listens', async () => {
    const command = [process.execPath, 'listen.ts'];
    const placement = await start(testRelease(1, source, only(command, { variables: { OFF: '1' } })));
    await line(/^ready$/m);
    const [placed] = placement.instances;
    if (!placed) throw new Error('nothing was placed');
    expect(await platform.listening(blue, placed.layer, placed.index)).toEqual([
      { host: placed.address.host, port: placed.address.port + 1 },
    ]);
  });

  test('shows the log of a program that crashes, and waits longer each time before it starts it again', async () => {
    await start(testRelease(1, source, only(['./crash.sh'], { restart: { backoff: '20ms', max: '10s' } })));
    const status = await until(async () => {
      const [seen] = await platform.inspect(blue);
      return seen && seen.restarts >= 3 && seen.state === 'waiting-to-restart' && seen;
    }, 'three restarts');
    expect(status.lastExit).toBe('exit code 3');
    await line(/cannot find the database/);
  });

  test('ends every child: in another session, with a wiped environment, or both', async () => {
    await start(testRelease(1, source, only([process.execPath, 'family.ts'])));
    const [, list = ''] = await line(/^children (.*)$/m);
    const children = list.split(' ').map(Number);
    expect(children.filter(isThere)).toEqual(children);
    await platform.stop(blue);
    expect(children.filter(isThere)).toEqual([]);
    expect(leftovers(home)).toEqual([]);
  });

  test('ends the children of a program that was killed before it starts it again', async () => {
    await start(
      testRelease(
        1,
        source,
        only([process.execPath, 'family.ts'], { restart: { backoff: '10ms', max: '1s' } }),
      ),
    );
    const [, list = ''] = await line(/^children (.*)$/m);
    const [status] = await platform.inspect(blue);
    process.kill(status?.pid ?? -1, 'SIGKILL');
    await until(async () => (await platform.inspect(blue))[0]?.restarts === 1, 'the restart');
    const [detached, wiped] = list.split(' ').map(Number);
    expect([detached, wiped].map((pid) => isThere(pid ?? -1))).toEqual([false, false]);
    process.kill(Number(list.split(' ')[2]), 'SIGKILL'); // away in every way while its parent was killed: nothing shows whose it is
  });

  test('kills what ignores the signal when its grace is over, all at the same time', async () => {
    const release = testRelease(
      1,
      source,
      only(['./stubborn.sh'], { instances: 3, stop: { grace: '400ms' } }),
    );
    await start(release);
    await until(
      async () =>
        (await platform.logs(blue, { lines: 10 })).lines.filter(({ text }) => text === 'ready').length === 3,
      'all three',
    );
    const before = performance.now();
    await platform.stop(blue);
    const tookMs = performance.now() - before;
    expect(tookMs).toBeGreaterThanOrEqual(400);
    expect(tookMs).toBeLessThan(1200);
    expect(leftovers(home)).toEqual([]);
  });

  test('signals once, and lets a program finish', async () => {
    const end = join(home, 'end');
    await start(
      testRelease(
        1,
        source,
        only(['./polite.sh'], { variables: { POLITE_END: end }, stop: { grace: '5s' } }),
      ),
    );
    await line(/^ready$/m);
    const stopping = platform.stop(blue);
    await line(/told to end/);
    writeFileSync(end, '');
    await stopping;
    const texts = (await platform.logs(blue, { lines: 50 })).lines.map(({ text }) => text);
    expect(texts.filter((text) => text === 'told to end')).toHaveLength(1);
    expect(texts).toContain('ends well');
  });

  test('never touches a process that has the pid of one of ours but another start', async () => {
    const release = testRelease(1, source, only(['./idle.sh']));
    await start(release);
    await platform.close();
    const [status] = await platform.inspect(blue);
    process.kill(-(status?.pid ?? 0), 'SIGKILL');
    await until(async () => !isThere(status?.pid ?? -1), 'the end');
    const stranger = Bun.spawn(['sleep', '1000'], {
      detached: true,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    });
    try {
      const path = join(home, 'environments/shop/blue/web-0.json');
      for (const pid of [stranger.pid, process.pid]) {
        const record = JSON.parse(readFileSync(path, 'utf8')) as {
          process: { pid: number; startTime: string };
        };
        // One clock tick (10 ms) earlier: on a quick machine the stranger starts in the same tick.
        const startTime = String(Number(record.process.startTime) - 1);
        writeFileSync(path, JSON.stringify({ ...record, process: { ...record.process, pid, startTime } }));
        platform = createProcessPlatform({ home, clock: systemClock });
        expect((await platform.inspect(blue)).map(({ state, pid: seen }) => ({ state, pid: seen }))).toEqual([
          { state: 'waiting-to-restart', pid: null },
        ]);
        await platform.stop(blue);
        await platform.close();
        const run = join(home, 'environments/shop/blue/run.json');
        writeFileSync(run, readFileSync(run, 'utf8').replace('"stopped"', '"running"'));
      }
      expect(stranger.killed).toBe(false);
      expect(isThere(stranger.pid)).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
      await stranger.exited;
      platform = createProcessPlatform({ home, clock: systemClock });
    }
  });

  test('names a damaged record, and finds the instance again when the record is removed', async () => {
    await start(testRelease(1, source, only(['./idle.sh'])));
    const before = await platform.inspect(blue);
    const path = join(home, 'environments/shop/blue/web-0.json');
    await platform.close();
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 40));
    platform = createProcessPlatform({ home, clock: systemClock });
    expect(await codeOf(platform.inspect(blue))).toBe('state-damaged');
    expect(await codeOf(platform.adopt())).toBe('state-damaged');
    rmSync(path);
    await platform.adopt();
    expect((await platform.inspect(blue)).map(({ pid, state }) => ({ pid, state }))).toEqual(
      before.map(({ pid, state }) => ({ pid, state })),
    );
  });

  test('keeps directories and files to their owner', async () => {
    await start(testRelease(1, source, only(['./idle.sh'])));
    const modes = (path: string): number => statSync(join(home, path)).mode & 0o777;
    expect(['environments', 'environments/shop/blue', 'logs/shop/blue', 'releases/shop'].map(modes)).toEqual([
      0o700, 0o700, 0o700, 0o700,
    ]);
    expect(
      [
        'environments/shop/blue/run.json',
        'environments/shop/blue/web-0.json',
        'logs/shop/blue/web-0.log',
        'releases/shop/1.json',
      ].map(modes),
    ).toEqual([0o600, 0o600, 0o600, 0o600]);
  });

  test('goes on with a stop that a crash cut short', async () => {
    await start(testRelease(1, source, only(['./idle.sh'])));
    boundary = ({ kind, phase }) => {
      if (kind === 'signal' && phase === 'before')
        throw Object.assign(new Error('cut short'), { code: 'EIO' });
    };
    expect(
      await platform.stop(blue).then(
        () => 'stopped',
        () => 'failed',
      ),
    ).toBe('failed');
    boundary = () => undefined;
    await platform.close();
    platform = createProcessPlatform({ home, clock: systemClock });
    await platform.adopt();
    await until(async () => (await platform.inspect(blue)).length === 0, 'the stop to be finished');
    expect(leftovers(home)).toEqual([]);
  });

  test('says that the disk is full, starts nothing twice, and runs when there is room again', async () => {
    const release = testRelease(1, source, only(['./idle.sh']));
    await platform.ship('shop', release);
    const placement = await platform.place(blue, release, null);
    for (const kind of ['make-directory', 'write', 'sync', 'rename'] as const) {
      boundary = (act) => {
        if (act.kind === kind && act.phase === 'before')
          throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
      };
      expect(await codeOf(platform.start(blue, release, placement))).toBe('disk-full');
    }
    boundary = () => undefined;
    await platform.start(blue, release, placement);
    expect(leftovers(home)).toHaveLength(1);
  });

  test('ships from what changes later: the release does not', async () => {
    const folder = join(home, 'source');
    cpSync(fixtures, folder, { recursive: true });
    const release = testRelease(1, { kind: 'directory', path: folder }, only(['./idle.sh']));
    const shipped = await platform.ship('shop', release);
    writeFileSync(join(folder, 'idle.sh'), 'changed');
    expect(await platform.ship('shop', release)).toEqual(shipped);
    expect(readFileSync(join(shipped.directory, 'idle.sh'), 'utf8')).not.toBe('changed');
  });
});
