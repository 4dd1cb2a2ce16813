import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RoleFile } from './role-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover role '));
  path = join(folder, 'role.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a role that was written is read by the next process, and by no other user', () => {
  new RoleFile(path, 'live').write({ role: 'standby', weight: 25, since: 12 });
  expect(new RoleFile(path, 'live').read()).toEqual({ role: 'standby', weight: 25, since: 12 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['role.json']);
});

test('without a file the initial role holds', () => {
  expect(new RoleFile(path, 'maintenance').read()).toEqual({ role: 'maintenance', weight: 100, since: 0 });
});

test('a file that was cut at any byte is found out, and never another role', () => {
  new RoleFile(path, 'live').write({ role: 'standby', weight: 100, since: 1_700_000_000_000 });
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length - 1; length++) {
    writeFileSync(path, whole.subarray(0, length));
    expect(() => new RoleFile(path, 'live').read()).toThrow(path);
  }
  // Without its line end it says the same.
  writeFileSync(path, whole.subarray(0, -1));
  expect(new RoleFile(path, 'live').read().role).toBe('standby');
});

test.each([
  ['nothing of ours', '[]'],
  ['another format', '{"format":2,"role":"live","weight":100,"since":0}'],
  ['no role', '{"format":1,"role":"both","weight":100,"since":0}'],
  ['a weight above 256', '{"format":1,"role":"live","weight":257,"since":0}'],
  ['a time before 1970', '{"format":1,"role":"live","weight":1,"since":-1}'],
  ['far too much', `{"format":1,"role":"live","weight":1,"since":0}${' '.repeat(5000)}`],
])('%s is refused', (_, text) => {
  writeFileSync(path, text);
  expect(() => new RoleFile(path, 'live').read()).toThrow('expected the role of an instance');
});
