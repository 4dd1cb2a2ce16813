import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  accessSync,
  appendFileSync,
  closeSync,
  constants,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, until } from '../../testing/platform.suite.ts';
import { Disk } from './disk.ts';
import { spaceWay, type SpaceWay } from './file-space.ts';
import { InstanceLog, type LogPosition } from './log.ts';

/** What the filesystem here can do, and less: so each way is tested wherever the tests run, as far as it can be. */
const wayHere = ((): SpaceWay => {
  const folder = mkdtempSync(join(tmpdir(), 'cutover log '));
  const fd = openSync(join(folder, 'empty'), 'w+');
  const way = spaceWay(fd, 4096);
  closeSync(fd);
  rmSync(folder, { recursive: true });
  return way;
})();
const ways: readonly SpaceWay[] = ['collapse', 'punch', 'none'];
const waysHere = ways.slice(ways.indexOf(wayHere));

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover log '));
  path = join(folder, 'web-0.log');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  rmSync(`${folder} dead`, { recursive: true, force: true });
});

const limits = { maxBytes: 10_000, files: 3 };
const open = (way: SpaceWay = wayHere, disk = new Disk()): InstanceLog =>
  new InstanceLog(path, disk, (fd, block) => (spaceWay(fd, block), way));
const rotatedFiles = (of = path): string[] => {
  const parent = join(of, '..');
  const names = readdirSync(parent).filter((name) => /\.log\.\d{16}$/.test(name));
  return names.sort().map((name) => join(parent, name));
};
const line = (n: number): string => `line ${n} ${'.'.repeat(n % 90)}\n`;
const texts = (count: number): string[] => Array.from({ length: count }, (_, n) => line(n).slice(0, -1));

/** Follows to the end. */
async function follow(
  log: InstanceLog,
  from: LogPosition | 'run' = 'run',
): Promise<{ seen: string[]; at: LogPosition }> {
  const seen: string[] = [];
  let at = from;
  for (;;) {
    const part = await log.read(1000, at);
    seen.push(...part.lines.map(({ text }) => text));
    at = part.next;
    if (!part.hasMore) return { seen, at };
  }
}

/** 60,000 numbered lines, written by a program as fast as it can, rotated and followed at the same time. */
async function underWriter(log: InstanceLog): Promise<{ rotations: number; seen: string[] }> {
  await log.startAnew({ maxBytes: 100_000, files: 100 });
  const fd = await log.open();
  const script = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo "line $i"; done';
  const writer = Bun.spawn(['sh', '-c', script], { stdin: 'ignore', stdout: fd });
  closeSync(fd);
  let rotations = 0;
  const seen: string[] = [];
  let at: LogPosition | 'run' = 'run';
  await until(async () => {
    const hasEnded = writer.exitCode !== null;
    rotations += await log.rotate({ maxBytes: 100_000, files: 100 });
    const part = await follow(log, at);
    seen.push(...part.seen);
    at = part.at;
    return hasEnded;
  }, 'the writer');
  return { rotations, seen };
}

const numbered = Array.from({ length: 60_000 }, (_, i) => `line ${i + 1}`);

describe('rotation', () => {
  for (const way of waysHere.filter((each) => each !== 'none')) {
    test(`of a program that never stops writing loses, doubles and moves not one line (${way})`, async () => {
      const { rotations, seen } = await underWriter(open(way));
      expect(rotations).toBeGreaterThanOrEqual(5);
      expect(seen).toEqual(numbered);
      const current = readFileSync(path, 'utf8').replace(/^\0+/, '');
      const whole = [...rotatedFiles().map((file) => readFileSync(file, 'utf8')), current];
      expect(whole.join('')).toBe(`${numbered.join('\n')}\n`);
      const { size, blocks } = statSync(path);
      expect(way === 'collapse' ? size : blocks * 512).toBeLessThan(250_000);
    });
  }

  const memory = '/dev/shm';
  const hasMemory = ((): boolean => {
    try {
      accessSync(memory, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  })();
  test.skipIf(!hasMemory)(
    `nor on a filesystem in memory, by what that can do${hasMemory ? '' : ' (this machine has none at /dev/shm)'}`,
    async () => {
      const there = mkdtempSync(join(memory, 'cutover log '));
      try {
        const { rotations, seen } = await underWriter(new InstanceLog(join(there, 'web-0.log'), new Disk()));
        expect(rotations).toBeGreaterThanOrEqual(5);
        expect(seen).toEqual(numbered);
      } finally {
        rmSync(there, { recursive: true });
      }
    },
  );

  test('where nothing can be given back: no line is kept twice or in another order', async () => {
    const { rotations, seen } = await underWriter(open('none'));
    expect(rotations).toBeGreaterThan(0);
    const numbers = seen.flatMap((text) => /^line (\d+)$/.exec(text)?.[1] ?? []).map(Number);
    expect(numbers.length).toBeGreaterThan(10_000);
    expect(numbers.every((number, i) => i === 0 || number > (numbers[i - 1] ?? 0))).toBe(true);
  });

  for (const way of waysHere) {
    test(`may die anywhere: no line is lost, and none is there twice but those of one file where it was emptied (${way})`, async () => {
      const snapshots: { folder: string; lines: number; act: string }[] = [];
      let isCut = false;
      let written = 0;
      const write = (count: number): void => {
        const from = written;
        written += count;
        appendFileSync(path, Array.from({ length: count }, (_, n) => line(from + n)).join(''));
      };
      const disk = new Disk(({ phase, kind, target }) => {
        if (!isCut) return;
        const to = join(`${folder} dead`, String(snapshots.length));
        cpSync(folder, to, { recursive: true });
        snapshots.push({
          folder: to,
          lines: written,
          act: `${phase} ${kind} ${target.slice(folder.length)}`,
        });
      });
      const log = open(way, disk);
      await log.startAnew(limits);
      isCut = true;
      for (let n = 0; n < 3; n++) {
        write(250);
        await log.rotate({ ...limits, files: 100 });
      }
      isCut = false;
      expect((await follow(log)).seen).toEqual(texts(750));
      expect(snapshots.length).toBeGreaterThan(30);
      for (const { folder: left, lines, act } of snapshots) {
        const again = new InstanceLog(
          join(left, 'web-0.log'),
          new Disk(),
          (fd, block) => (spaceWay(fd, block), way),
        );
        appendFileSync(again.path, 'after\n');
        await again.rotate({ ...limits, files: 100 });
        const { seen } = await follow(again);
        if (way === 'none') {
          expect({ act, seen: [...new Set(seen)] }).toEqual({ act, seen: [...texts(lines), 'after'] });
          expect(seen.length).toBeLessThan(lines + 260);
        } else expect({ act, seen }).toEqual({ act, seen: [...texts(lines), 'after'] });
        expect(existsSync(again.path + '.rotating')).toBe(false);
      }
    });

    test(`is left as it is when the disk is full, and goes on where it was (${way})`, async () => {
      let kind = '';
      const disk = new Disk((act) => {
        if (act.kind === kind && act.phase === 'before' && !act.target.endsWith('.rotating'))
          throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      });
      const log = open(way, disk);
      await log.startAnew(limits);
      let written = 0;
      // Where the file is to be emptied, a sync that fails is as a death in between, which may double lines.
      for (kind of way === 'none' ? ['write', 'rename', ''] : ['write', 'rename', 'sync', '']) {
        appendFileSync(path, Array.from({ length: 300 }, (_, n) => line(written + n)).join(''));
        written += 300;
        const code = await codeOf(log.rotate({ ...limits, files: 100 }));
        expect({ kind, code }).toEqual({ kind, code: kind === '' ? 'none' : 'disk-full' });
        expect((await follow(log)).seen).toEqual(texts(written));
        expect(existsSync(`${path}.rotating`)).toBe(false);
      }
    });

    test(`keeps as many files as it may, and of a log that grew beyond them the newest part (${way})`, async () => {
      const log = open(way);
      await log.startAnew(limits);
      for (let n = 0; n < 20; n++) {
        appendFileSync(path, texts(200).join('\n') + '\n');
        await log.rotate(limits);
      }
      expect(rotatedFiles().length).toBeLessThanOrEqual(3);
      appendFileSync(path, `${'x'.repeat(500_000)}\nthe end\n`);
      const before = (await log.read(0)).next;
      await log.rotate(limits);
      const kept = [...rotatedFiles(), path].reduce((sum, file) => sum + statSync(file).blocks * 512, 0);
      expect(kept).toBeLessThan(80_000);
      expect((await log.read(1)).lines).toEqual([{ text: 'the end', isUnfinished: false }]);
      expect((await follow(log, before)).seen).toEqual([]);
      expect((await follow(log, { ...before, at: 0 })).seen.at(-1)).toBe('the end');
    });

    test(`begins a new file with a new run, whose lines alone are shown; a follower gets the rest of the old one too (${way})`, async () => {
      const log = open(way);
      await log.startAnew(limits);
      const fd = await log.open();
      writeSync(fd, texts(300).join('\n') + '\nwithout an end');
      await log.rotate(limits);
      const { at, seen } = await follow(log);
      expect(seen).toEqual(texts(300));
      closeSync(fd);
      await log.startAnew(limits);
      expect(existsSync(path) ? statSync(path).size : 0).toBe(0);
      await log.mark('a new run', 0);
      const ours = '[cutover] 1970-01-01T00:00:00.000Z a new run';
      expect((await log.read(100)).lines.map(({ text }) => text)).toEqual([ours]);
      expect((await follow(log, at)).seen).toEqual(['without an end', ours]);
      expect((await follow(open(way), at)).seen).toEqual(['without an end', ours]);
    });
  }

  test('leaves a file that is not large, and a log that is not there', async () => {
    const log = open();
    expect(await log.rotate(limits)).toBe(0);
    writeFileSync(path, 'x'.repeat(10_000));
    expect(await log.rotate(limits)).toBe(0);
    expect(readdirSync(folder)).toEqual(['web-0.log']);
    appendFileSync(path, 'x');
    expect(await log.rotate(limits)).toBe(1);
    expect(statSync(rotatedFiles()[0] ?? '').mode & 0o777).toBe(0o600);
  });
});

describe('the lines of a log', () => {
  const shown = async (log: InstanceLog, lines: number): Promise<string[]> =>
    (await log.read(lines)).lines.map(({ text }) => text);

  test('are cut where they are too long; the last one is shown before it has its end, and told so', async () => {
    const log = open();
    expect(await log.read(10)).toMatchObject({ lines: [], hasMore: false });
    writeFileSync(path, 'a\r\nb\n\nno break at the end');
    expect(await shown(log, 10)).toEqual(['a', 'b', '', 'no break at the end']);
    expect((await log.read(2)).lines).toEqual([
      { text: '', isUnfinished: false },
      { text: 'no break at the end', isUnfinished: true },
    ]);
    const { next } = await log.read(0);
    expect((await follow(log, next)).seen).toEqual([]);
    appendFileSync(path, ', then one\n');
    expect((await follow(log, next)).seen).toEqual(['no break at the end, then one']);
    appendFileSync(path, `${'y'.repeat(300_000)}\nlast\n`);
    expect(await shown(log, 10)).toEqual(['last']);
    appendFileSync(path, `${'z'.repeat(5000)}\n`);
    expect((await shown(log, 1))[0]).toBe(`${'z'.repeat(4096)}…`);
  });

  test('are followed past a line that never ends', async () => {
    const log = open();
    await log.startAnew(limits);
    writeFileSync(path, `begin\n${'y'.repeat(600_000)}\nlast\n`);
    const { seen } = await follow(log);
    expect(seen[0]).toBe('begin');
    expect(seen.at(-1)).toBe('last');
    expect(seen.length).toBeLessThan(6);
  });

  test('are followed although the program cuts its log short, or a person removes it, or its files', async () => {
    const log = open();
    await log.startAnew(limits);
    writeFileSync(path, texts(100).join('\n') + '\n');
    let { at } = await follow(log);
    truncateSync(path, 0);
    appendFileSync(path, 'anew\n');
    const cut = await follow(log, at);
    expect(cut.seen).toEqual(['anew']);
    ({ at } = cut);
    unlinkSync(path);
    expect((await follow(log, at)).seen).toEqual([]);
    appendFileSync(path, texts(1000).join('\n') + '\n');
    await log.rotate(limits);
    const [first] = rotatedFiles();
    unlinkSync(first ?? '');
    const { seen } = await follow(log);
    expect(seen.length).toBeGreaterThan(50);
    expect(texts(1000).join('\n')).toEndWith(seen.join('\n'));
  });

  test('of ours begin on a line of their own', async () => {
    const log = open();
    writeFileSync(path, 'dies here');
    await log.mark('ended: signal SIGSEGV', 0);
    expect(await shown(log, 10)).toEqual([
      'dies here',
      '[cutover] 1970-01-01T00:00:00.000Z ended: signal SIGSEGV',
    ]);
  });

  for (const way of waysHere) {
    test(`are there although what is remembered of the log is lost or damaged (${way})`, async () => {
      const first = open(way);
      await first.startAnew(limits);
      writeFileSync(path, texts(400).join('\n') + '\n');
      await first.rotate(limits);
      const { at } = await follow(first);
      for (const damage of [
        () => unlinkSync(`${path}.json`),
        () => writeFileSync(`${path}.json`, '{"format":'),
      ]) {
        damage();
        const again = open(way);
        const kept = await shown(again, 1000);
        expect(texts(400).join('\n')).toEndWith(kept.join('\n'));
        if (way !== 'none') expect(kept.length).toBeGreaterThan(10);
        expect(kept.join('')).not.toContain('\0');
        expect((await follow(again, at)).seen.join('\n')).toBe(kept.join('\n'));
      }
    });
  }
});
