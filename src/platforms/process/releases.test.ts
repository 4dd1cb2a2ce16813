import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../clocks/system.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Release, Source } from '../../core/release.ts';
import { testRelease } from '../../testing/platform-release.ts';
import { codeOf, until } from '../../testing/platform.suite.ts';
import type { Act, Boundary } from './boundary.ts';
import { Disk } from './disk.ts';
import { Layout } from './layout.ts';
import { LinuxProcessTable } from './process-table.ts';
import { PsProcessTable } from './ps-table.ts';
import { ReleaseStore, verifyRelease } from './releases.ts';

const hasGit = Bun.which('git') !== null;

describe('shipping', () => {
  let folder: string;
  let home: string;
  let source: string;
  let boundary: Boundary;
  let releases: ReleaseStore;
  const open = (): ReleaseStore =>
    new ReleaseStore({
      layout: new Layout(home),
      disk: new Disk((act) => boundary(act)),
      clock: systemClock,
      table: existsSync('/proc/self/stat') ? new LinuxProcessTable() : new PsProcessTable(),
      homeTag: `test-${home}`,
    });
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'cutover ship ')));
    source = join(folder, 'source');
    home = join(source, 'state'); // within the source, as by default
    mkdirSync(home, { recursive: true });
    mkdirSync(join(source, 'lib'));
    writeFileSync(join(source, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(source, 'lib/a.txt'), 'a');
    boundary = () => undefined;
    releases = open();
  });
  afterEach(async () => {
    boundary = () => undefined;
    await new Disk().removeTree(folder);
  });
  const release = (
    number: number,
    more: object = {},
    from: Source = { kind: 'directory', path: source },
  ): Release => testRelease(number, from, { web: { command: ['./run.sh'] } }, { release: more });
  const list = (path: string): string[] => readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
  const nothingIsLeft = (): void => {
    const at = join(home, 'releases/shop');
    expect(existsSync(at) ? readdirSync(at) : []).toEqual([]);
  };

  test('takes a directory as it is, without the history, the state and what is excluded', async () => {
    mkdirSync(join(source, '.git'));
    mkdirSync(join(source, '.cutover'));
    mkdirSync(join(source, 'node_modules'));
    writeFileSync(join(source, 'lib/debug.log'), 'x');
    symlinkSync('lib/a.txt', join(source, 'link'));
    const shipped = await releases.ship('shop', release(1, { exclude: ['node_modules', '*.log'] }));
    expect(list(shipped.directory)).toEqual(['lib', 'lib/a.txt', 'link', 'run.sh']);
    expect(shipped).toMatchObject({ files: 2, bytes: 11, directory: join(home, 'releases/shop/1') });
  });

  test('seals what was shipped, and finds out when it was changed', async () => {
    const shipped = await releases.ship('shop', release(1));
    const mode = (path: string): number => statSync(join(shipped.directory, path)).mode & 0o777;
    expect(mode('run.sh') & 0o555).toBe(0o555);
    for (const path of ['.', 'run.sh', 'lib', 'lib/a.txt']) expect(mode(path) & 0o222).toBe(0);
    await verifyRelease(shipped);
    const file = join(shipped.directory, 'lib/a.txt');
    chmodSync(file, 0o644);
    expect(await codeOf(verifyRelease(shipped))).toBe('state-damaged');
    writeFileSync(file, 'b');
    chmodSync(file, 0o444);
    expect(await codeOf(verifyRelease(shipped))).toBe('state-damaged');
    writeFileSync(join(folder, 'x'), '');
    chmodSync(file, 0o644);
    writeFileSync(file, 'a');
    chmodSync(file, statSync(join(source, 'lib/a.txt')).mode & 0o555);
    await verifyRelease(shipped);
  });

  test('refuses a link that leaves the directory, by name', async () => {
    symlinkSync('../..', join(source, 'lib/out'));
    const error: unknown = await releases.ship('shop', release(1)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'source-invalid' });
    expect(String(error)).toContain(join(source, 'lib/out'));
    nothingIsLeft();
  });

  test('refuses what is neither file, directory nor link', async () => {
    spawnSync('mkfifo', [join(source, 'pipe')]);
    expect(await codeOf(releases.ship('shop', release(1)))).toBe('source-invalid');
    nothingIsLeft();
    await releases.ship('shop', release(1, { exclude: ['pipe'] }));
  });

  test('refuses its own state as a source', async () => {
    await releases.ship('shop', release(1));
    expect(await codeOf(releases.ship('shop', release(2, {}, { kind: 'directory', path: home })))).toBe(
      'source-invalid',
    );
    expect(
      await codeOf(
        releases.ship('shop', release(2, {}, { kind: 'directory', path: join(home, 'releases/shop/1') })),
      ),
    ).toBe('source-invalid');
  });

  test('runs build commands in the release before it is sealed', async () => {
    const build = [['sh', '-c', 'echo "built $CUTOVER_RELEASE" > built'], ['./run.sh']];
    const shipped = await releases.ship('shop', release(7, { build }));
    expect(readFileSync(join(shipped.directory, 'built'), 'utf8')).toBe('built 7\n');
    expect(existsSync(join(source, 'built'))).toBe(false);
  });

  test('tells the last lines of a build that failed, and leaves nothing', async () => {
    const build = [['sh', '-c', 'echo "no such package" >&2; exit 4']];
    const error: unknown = await releases
      .ship('shop', release(1, { build }))
      .catch((thrown: unknown) => thrown);
    if (!(error instanceof CutoverError)) throw error;
    expect(error.code).toBe('build-failed');
    expect(error.message).toContain('exit code 4');
    expect(error.detail.log?.join('\n')).toContain('no such package');
    nothingIsLeft();
    expect(await codeOf(releases.ship('shop', release(1, { build: [['no-such-program']] })))).toBe(
      'build-failed',
    );
    nothingIsLeft();
  });

  const isThere = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
    } catch {
      return false;
    }
  };
  const pidsIn = (path: string): number[] => readFileSync(path, 'utf8').trim().split('\n').map(Number);

  test('an abort ends a build and all that it started', async () => {
    const pids = join(folder, 'pids');
    const build = [['sh', '-c', `sleep 1000 & echo $! > "${pids}"; echo $$ >> "${pids}"; wait`]];
    const controller = new AbortController();
    const shipping = codeOf(releases.ship('shop', release(1, { build }), controller.signal));
    await until(() => Promise.resolve(existsSync(pids) && pidsIn(pids).length === 2), 'the build');
    controller.abort();
    expect(await shipping).toBe('aborted');
    expect(pidsIn(pids).filter(isThere)).toEqual([]);
    nothingIsLeft();
  });

  test('what a build leaves running is ended before the release is sealed', async () => {
    const pids = join(folder, 'pids');
    await releases.ship('shop', release(1, { build: [['sh', '-c', `sleep 1000 & echo $! > "${pids}"`]] }));
    expect(pidsIn(pids).filter(isThere)).toEqual([]);
  });

  test('an archive is shipped with its checksum known', async () => {
    const archive = join(folder, 'app.tgz');
    expect(spawnSync('tar', ['-czf', archive, '--exclude=./state', '-C', source, '.']).status).toBe(0);
    const shipped = await releases.ship('shop', release(1, {}, { kind: 'archive', path: archive }));
    expect(list(shipped.directory)).toEqual(['lib', 'lib/a.txt', 'run.sh']);
    const sha256 = new Bun.CryptoHasher('sha256').update(readFileSync(archive)).digest('hex');
    expect(readFileSync(join(home, 'releases/shop/1.json'), 'utf8')).toContain(`sha256:${sha256}`);
    expect(
      await codeOf(
        releases.ship('shop', release(2, {}, { kind: 'archive', path: archive, sha256: 'a'.repeat(64) })),
      ),
    ).toBe('checksum-mismatch');
    await releases.ship('shop', release(2, {}, { kind: 'archive', path: archive, sha256 }));
  });

  test.skipIf(!hasGit)('a git revision is shipped as it was committed (needs git)', async () => {
    const git = (...argv: string[]): string =>
      spawnSync('git', ['-C', source, '-c', 'user.name=t', '-c', 'user.email=t@t', ...argv], {
        encoding: 'utf8',
      }).stdout.trim();
    git('init', '-q', '-b', 'main');
    git('add', 'run.sh', 'lib');
    git('commit', '-q', '-m', 'first');
    git('tag', 'v1');
    writeFileSync(join(source, 'lib/a.txt'), 'changed, not committed');
    const from = (revision: string): Source => ({ kind: 'git', repository: source, revision });
    const shipped = await releases.ship('shop', release(1, {}, from('v1')));
    expect(list(shipped.directory)).toEqual(['lib', 'lib/a.txt', 'run.sh']);
    expect(readFileSync(join(shipped.directory, 'lib/a.txt'), 'utf8')).toBe('a');
    expect(statSync(join(shipped.directory, 'run.sh')).mode & 0o111).not.toBe(0);
    expect(readFileSync(join(home, 'releases/shop/1.json'), 'utf8')).toContain(git('rev-parse', 'HEAD'));
    for (const revision of ['no-such-branch', '--upload-pack=x', 'HEAD:lib', '']) {
      expect(await codeOf(releases.ship('shop', release(2, {}, from(revision))))).toBe('source-invalid');
    }
    expect(
      await codeOf(
        releases.ship(
          'shop',
          release(2, {}, { kind: 'git', repository: join(folder, 'absent'), revision: 'HEAD' }),
        ),
      ),
    ).toBe('source-invalid');
  });

  test('a failure at any act on the disk leaves nothing, or the whole release; the next try succeeds', async () => {
    const acts: Act[] = [];
    boundary = (act) => void acts.push(act);
    await releases.ship('shop', release(1));
    const digest = (await releases.find('shop', 1))?.digest;
    expect(acts.length).toBeGreaterThan(20);
    for (let failing = 0; failing < acts.length; failing++) {
      await new Disk().removeTree(join(home, 'releases'));
      let at = 0;
      boundary = () => {
        if (at++ === failing) throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
      };
      releases = open();
      const error: unknown = await releases.ship('shop', release(1)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'disk-full' });
      boundary = () => undefined;
      nothingIsLeft();
      expect((await open().ship('shop', release(1))).digest).toBe(digest ?? '');
    }
  });

  test('a crash at any act leaves what counts as nothing, or the whole release; the next ship cleans up', async () => {
    let count = 0;
    boundary = () => void count++;
    await releases.ship('shop', release(1));
    const digest = (await releases.find('shop', 1))?.digest;
    const total = count;
    for (let failing = 0; failing < total; failing += 2) {
      await new Disk().removeTree(join(home, 'releases'));
      let at = 0;
      // As if we had died: from that act on, nothing happens any more, no cleaning up either.
      boundary = () => {
        if (at++ >= failing) throw Object.assign(new Error('dead'), { code: 'EIO' });
      };
      await releases.ship('shop', release(1)).catch(() => undefined);
      boundary = () => undefined;
      releases = open();
      const before = await releases.find('shop', 1);
      if (before) await verifyRelease(before);
      expect((await releases.ship('shop', release(1))).digest).toBe(digest ?? '');
      expect(readdirSync(join(home, 'releases/shop')).sort()).toEqual(['1', '1.json']);
    }
  });

  test('prunes what is sealed', async () => {
    for (const number of [1, 2, 3]) await releases.ship('shop', release(number));
    expect(await releases.prune('shop', new Set([2]))).toEqual([1, 3]);
    expect(readdirSync(join(home, 'releases/shop')).sort()).toEqual(['2', '2.json']);
  });

  test('a damaged manifest is named', async () => {
    await releases.ship('shop', release(1));
    writeFileSync(join(home, 'releases/shop/1.json'), '{"format":1');
    expect(await codeOf(releases.ship('shop', release(1)))).toBe('state-damaged');
  });
});
