import { expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../../test/fixtures/proxy.ts';
import { LogFile } from './log-file.ts';

test('what comes while the disk takes nothing is kept within bounds, and refused beyond them', async () => {
  const said: string[] = [];
  const file = new LogFile('/dev/full', (line) => said.push(line));
  const line = `${'x'.repeat(1023)}\n`;
  let taken = 0;
  while (file.push(line)) taken++;
  await until('the disk has refused', () => said.length > 0);
  while (file.push(line)) taken++;
  // One buffer waits for the disk, the other is full.
  expect(taken).toBeGreaterThan(1024);
  expect(taken).toBeLessThanOrEqual(2048);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain('/dev/full');
  expect(said[0]).toContain('ENOSPC');
  expect(await file.close(10)).toBeGreaterThan(0);
});

test('a file that cannot be opened is tried again, and then has all lines', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'log file '));
  try {
    const said: string[] = [];
    const place = join(directory, 'not yet');
    const file = new LogFile(join(place, 'log'), (line) => said.push(line));
    expect(file.push('one\n')).toBe(true);
    await until('it was tried', () => said.length === 1);
    expect(said[0]).toContain('ENOENT');
    expect(file.push('two\n')).toBe(true);
    await Bun.$`mkdir ${place}`.quiet();
    await until('it is written', () => said.length === 2);
    expect(await file.close(2000)).toBe(0);
    expect(readFileSync(join(place, 'log'), 'utf8')).toBe('one\ntwo\n');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a file that no route names any more still takes the last lines', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'log file '));
  try {
    const path = join(directory, 'log');
    const file = new LogFile(path, () => undefined);
    file.push('one\n');
    file.retired = true;
    await until('it is written', () => Bun.file(path).size === 4);
    file.push('two\n');
    expect(await file.close(2000)).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
