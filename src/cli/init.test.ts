import { afterAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSpec } from '../config/load.ts';
import { runCli } from './testing/run-cli.ts';

// Each test starts processes; on a busy machine that takes its time.
setDefaultTimeout(30_000);

const root = mkdtempSync(join(tmpdir(), 'cutover init-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let cwd: string;
let number = 0;
beforeEach(() => {
  cwd = join(root, `shop ${number++}`);
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'package.json'), '{"name":"shop","scripts":{"start":"node server.js"}}');
  writeFileSync(join(cwd, 'server.js'), '');
});

describe('init', () => {
  test('writes a spec that is right, has git pass over the home directory, and says what comes next', async () => {
    Bun.spawnSync(['git', '-C', cwd, 'init', '-q']);
    writeFileSync(join(cwd, '.gitignore'), 'node_modules');
    const { exit, stdout, stderr } = await runCli(['init'], { cwd });
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect((await loadSpec(cwd)).spec.service).toBe('shop');
    expect(readFileSync(join(cwd, '.gitignore'), 'utf8')).toBe('node_modules\n.cutover/\n');
    expect(stdout).toContain('cutover deploy --up');
  });

  test('never writes over a spec, but with --force', async () => {
    writeFileSync(join(cwd, 'cutover.yaml'), 'mine');
    const refused = await runCli(['init'], { cwd });
    expect(refused.exit).toBe(2);
    expect(refused.stderr).toContain('--force');
    expect(readFileSync(join(cwd, 'cutover.yaml'), 'utf8')).toBe('mine');
    expect((await runCli(['init', '--force'], { cwd })).exit).toBe(0);
    expect((await loadSpec(cwd)).spec.service).toBe('shop');
    expect(readdirSync(cwd).sort()).toEqual(['cutover.yaml', 'package.json', 'server.js']);
  });

  test('leaves a spec that is a program alone, and no second one beside it', async () => {
    writeFileSync(join(cwd, 'cutover.config.ts'), 'export default {}');
    expect((await runCli(['init', '--force'], { cwd })).exit).toBe(2);
    expect(readdirSync(cwd)).not.toContain('cutover.yaml');
  });
});
