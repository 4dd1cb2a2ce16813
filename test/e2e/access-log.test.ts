import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { selfCommand } from '../../src/cli/self.ts';
import { runCli } from '../../src/cli/testing/run-cli.ts';
import { formatAddress } from '../../src/core/address.ts';
import { EmbeddedRouter } from '../../src/routers/embedded/embedded-router.ts';
import { startLoad } from '../fixtures/http-load.ts';
import { startOrigin, type Origin } from '../fixtures/proxy.ts';

setDefaultTimeout(60_000);

const Line = z.looseObject({ time: z.string(), service: z.literal('main'), status: z.literal(200) });

let origin: Origin;
let folder: string;
let running: Bun.Subprocess<'ignore', 'pipe', 'pipe'> | undefined;
beforeAll(() => {
  origin = startOrigin('here');
});
afterAll(async () => {
  await origin.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'access log '));
});
afterEach(async () => {
  running?.kill('SIGTERM');
  await running?.exited;
  running = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** `cutover proxy` with these words; `printed` resolves with all that it printed when it has ended. */
async function start(...words: string[]) {
  const socket = join(folder, 'admin.sock');
  const command = ['proxy', '--listen', '127.0.0.1:0', '--blue', formatAddress(origin.address)];
  const child = Bun.spawn([...selfCommand(), ...command, '--admin', socket, '--workers', '2', ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running = child;
  const ready = Promise.withResolvers<void>();
  const printed = (async () => {
    let text = '';
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (text.includes('ready:')) ready.resolve();
    }
    ready.reject(new Error(`it ended: ${await child.stderr.text()}`));
    return text;
  })();
  await ready.promise;
  const route = await new EmbeddedRouter('/', socket).read('main');
  return { child, socket, printed, listen: route!.listen };
}

test('cutover proxy --access-log FILE writes a line for each request, also across an upgrade', async () => {
  const { child, socket, listen } = await start('--access-log', 'requests.log');
  const load = startLoad(listen, 8);
  const upgraded = await runCli(['proxy', 'upgrade', '--admin', socket], { cwd: folder });
  expect(upgraded).toMatchObject({ exit: 0 });
  const { failed, answered } = await load.stop();
  expect(failed).toEqual([]);
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
  const lines = readFileSync(join(folder, 'requests.log'), 'utf8').split('\n');
  expect(lines.pop()).toBe('');
  for (const line of lines) Line.parse(JSON.parse(line));
  expect(lines).toHaveLength(answered.get('here') ?? 0);
});

test('cutover proxy --access-log - prints the lines of all workers, each whole', async () => {
  const { child, printed, listen } = await start('--access-log', '-');
  const load = startLoad(listen, 8);
  while ((load.result.answered.get('here') ?? 0) < 2000) await Bun.sleep(5);
  const { failed, answered } = await load.stop();
  expect(failed).toEqual([]);
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
  const lines = (await printed).split('\n').filter((line) => line.startsWith('{'));
  for (const line of lines) Line.parse(JSON.parse(line));
  expect(lines).toHaveLength(answered.get('here') ?? 0);
});

test('an access log that cannot be written is told of at the start', async () => {
  const command = ['proxy', '--listen', '127.0.0.1:0', '--blue', formatAddress(origin.address)];
  const { exit, stderr } = await runCli([...command, '--access-log', 'absent/requests.log'], { cwd: folder });
  expect(exit).toBe(8);
  expect(stderr).toContain('absent/requests.log');
});
