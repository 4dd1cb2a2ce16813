import { afterAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli, type Ran } from './testing/run-cli.ts';

const cwd = mkdtempSync(join(tmpdir(), 'cutover up-'));
const run = (...words: string[]): Promise<Ran> => runCli(words, { cwd });

afterAll(async () => {
  await run('up');
  await run('down');
  rmSync(cwd, { recursive: true, force: true });
});

test('the real controller: up, up again, down without the proxy, up, down, down again', async () => {
  const up = await run('up', '--workers', '1', '--json');
  expect(up).toMatchObject({ exit: 0, stderr: '' });
  const first = JSON.parse(up.stdout) as {
    started: boolean;
    controller: { pid: number };
    proxy: { pid: number; workers: number };
  };
  expect(first).toMatchObject({ started: true, proxy: { workers: 1 } });
  expect(statSync(join(cwd, '.cutover', 'controller.log')).mode & 0o777).toBe(0o600);

  const again = await run('up');
  expect(again.stdout).toStartWith(`up already: controller pid ${first.controller.pid}`);

  expect((await run('down', '--keep-running')).stdout).toContain(
    'the controller is gone; proxy and instances go on',
  );
  const alone = await run('down');
  expect(alone.exit).toBe(3);
  expect(alone.stderr).toContain('but its proxy does');

  const taken = JSON.parse((await run('up', '--json')).stdout) as typeof first;
  expect(taken.proxy.pid).toBe(first.proxy.pid);
  expect((await run('down')).stdout).toContain('controller, proxy and instances are gone');
  expect((await run('down')).stdout).toContain('down already');
}, 30_000);

test('a controller that does not come up is told with the end of its log', async () => {
  const home = join(cwd, 'bad');
  mkdirSync(join(home, 'log.db'), { recursive: true });
  const { exit, stderr } = await run('up', '--home', home);
  expect(exit).toBe(3);
  expect(stderr).toContain('found that it ended with exit code');
  expect(stderr).toContain('| 2');
  expect(stderr).toContain('controller: ');
}, 20_000);
