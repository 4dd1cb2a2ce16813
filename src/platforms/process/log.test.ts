import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../testing/platform.suite.ts';
import { Disk } from './disk.ts';
import { InstanceLog } from './log.ts';

describe('the log of an instance', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cutover log '));
    path = join(folder, 'web-0.log');
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const open = (maxBytes: number, files = 2, disk = new Disk()): InstanceLog =>
    new InstanceLog(path, { maxBytes, files }, disk);

  test('is rotated under its writer, who goes on with the descriptor that it has', async () => {
    const log = open(10, 2);
    const fd = await log.open();
    for (const text of ['first first\n', 'second second\n', 'third third\n', 'fourth\n']) {
      writeSync(fd, text);
      await log.rotate();
    }
    closeSync(fd);
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    expect(readdirSync(folder).sort()).toEqual(['web-0.log', 'web-0.log.1', 'web-0.log.2']);
    expect(read('web-0.log')).toBe('fourth\n');
    expect(read('web-0.log.1')).toBe('third third\n');
    expect(read('web-0.log.2')).toBe('second second\n');
    expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600);
  });

  test('of a program that never stops writing no line is kept twice or in another order', async () => {
    const log = open(100_000, 100);
    const fd = await log.open();
    const script = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo "line $i"; done';
    const writer = Bun.spawn(['sh', '-c', script], { stdin: 'ignore', stdout: fd });
    closeSync(fd);
    let rotations = 0;
    await until(async () => {
      if (await log.rotate()) rotations++;
      return writer.exitCode !== null;
    }, 'the writer');
    expect(rotations).toBeGreaterThan(0);
    const rotated = Array.from({ length: rotations }, (_, i) => `${path}.${rotations - i}`);
    const text = [...rotated, path].map((file) => readFileSync(file, 'utf8')).join('');
    const numbers = text
      .split('\n')
      .flatMap((line) => /^line (\d+)$/.exec(line)?.[1] ?? [])
      .map(Number);
    expect(numbers.length).toBeGreaterThan(10_000);
    expect(numbers.every((number, i) => i === 0 || number > (numbers[i - 1] ?? 0))).toBe(true);
  });

  test('of a log that grew larger than all that may be kept the newest part is kept', async () => {
    writeFileSync(path, `${'x'.repeat(5000)}the end`);
    await open(500, 2).rotate();
    const kept = readFileSync(`${path}.1`, 'utf8');
    expect(kept).toHaveLength(1000);
    expect(kept.endsWith('the end')).toBe(true);
  });

  test('is left as it is when the disk is full', async () => {
    writeFileSync(path, 'x'.repeat(50));
    const full = new Disk(({ kind, phase }) => {
      if (kind === 'write' && phase === 'before') throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    });
    expect(open(10, 2, full).rotate()).rejects.toMatchObject({ code: 'disk-full' });
    expect(statSync(path).size).toBe(50);
    expect(existsSync(`${path}.1`)).toBe(false);
  });

  test('shows its last lines, cut where they are too long, and those before a rotation if they are of the same run', async () => {
    const log = open(1_000_000);
    expect(await log.tail(10, true)).toEqual([]);
    writeFileSync(`${path}.1`, 'before\n');
    writeFileSync(path, 'a\r\nb\n\nno break at the end');
    expect(await log.tail(10, false)).toEqual(['a', 'b', '', 'no break at the end']);
    expect(await log.tail(2, false)).toEqual(['', 'no break at the end']);
    expect(await log.tail(10, true)).toEqual(['before', 'a', 'b', '', 'no break at the end']);
    appendFileSync(path, `${'y'.repeat(300_000)}\nlast\n`);
    const lines = await log.tail(10, false);
    expect(lines).toEqual(['last']);
    appendFileSync(path, `${'z'.repeat(5000)}\n`);
    expect((await log.tail(1, false))[0]).toBe(`${'z'.repeat(4096)}…`);
  });
});
