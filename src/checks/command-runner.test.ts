import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../clocks/system.ts';
import { createCommandRunner } from './command-runner.ts';

const directory = mkdtempSync(join(tmpdir(), 'commands of '));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const runner = createCommandRunner({ clock: systemClock });
const tell = ['sh', '-c', 'echo "$GREETING, $SECRET"'];

test('a command gets the values in files, without the line break at their end, before its other variables', async () => {
  const path = join(directory, 'secret');
  writeFileSync(path, 'quiet \n');
  const place = { variables: { GREETING: 'hush', SECRET: 'no' }, files: { SECRET: path }, directory };
  const found = await runner.run(tell, place, 5000);
  expect(found).toMatchObject({ ok: true, output: ['hush, quiet '] });
});

test('a file that is absent or holds no value keeps it from being run, and is told by name', async () => {
  const zero = join(directory, 'zero');
  writeFileSync(zero, 'a\0b');
  for (const [path, says] of [
    [join(directory, 'absent'), 'ENOENT'],
    [zero, 'a zero byte'],
  ] as const) {
    const found = await runner.run(tell, { variables: {}, files: { SECRET: path }, directory }, 5000);
    expect(found.ok).toBeFalse();
    expect(found.detail).toContain(`expected the value of SECRET in ${path}, found`);
    expect(found.detail).toContain(says);
    expect(found.output).toBeUndefined();
  }
});
