import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { ProxyFixture, routeTo, startOrigin } from '../../test/fixtures/proxy.ts';
import { emptySide, nothingTold, type Counters } from '../core/traffic.ts';
import type { TopReading } from './render/top.ts';
import { FakeController } from './testing/fake-controller.ts';
import { cliOnTerminal, runCli } from './testing/run-cli.ts';
import { status } from './testing/views.ts';

// Each test starts processes, and a reading takes a second.
setDefaultTimeout(30_000);

const counters = (at: number, requests: number): Counters => ({
  bootId: 'one',
  at,
  blue: { ...emptySide(), requests },
  green: emptySide(),
  refused: {},
  told: nothingTold,
  queued: 0,
});
const view = (at: number, requests: number) => ({
  json: { service: 'shop', live: 'blue', counters: counters(at, requests) },
});

const fake = new FakeController(undefined, {
  'GET /v1/status': { json: status() },
  'GET /v1/services/shop/counters': [view(1000, 100), view(3000, 400), view(4000, 410)],
});
mkdirSync(fake.home);
fake.up();
afterAll(() => fake.end());

test('top prints a reading to a line, from the difference of two', async () => {
  const { exit, stdout, stderr } = await runCli(
    ['top', 'shop', '--json', '--count', '2', '--home', fake.home],
    { cwd: fake.home },
  );
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
  const readings = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TopReading);
  expect(readings.map(({ rates }) => rates.blue.requestsPerSecond)).toEqual([150, 10]);
  expect(readings[0]).toMatchObject({ service: 'shop', live: 'blue' });
});

test('top shows who gets which part, and who has paused the deployment', async () => {
  const said = { weights: { blue: 90, green: 10 }, paused: { by: 'ann', at: 0, reason: null } };
  fake.answers = {
    ...fake.answers,
    'GET /v1/services/shop/counters': Array.from({ length: 20 }, (_, n) => ({
      json: { ...view(n * 1000, n).json, ...said },
    })),
  };
  const { exit, stdout } = await runCli(['top', 'shop', '--count', '1', '--home', fake.home], {
    cwd: fake.home,
  });
  expect(exit).toBe(0);
  const ends = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('  ').slice(-2));
  expect(ends).toEqual([
    ['weight 90 %', 'paused by ann'],
    ['weight 10 %', 'paused by ann'],
  ]);
});

test('top on a terminal takes the screen, and gives it back at Ctrl-C', async () => {
  fake.answers = {
    ...fake.answers,
    'GET /v1/services/shop/counters': Array.from({ length: 60 }, (_, n) => view(n * 1000, n * 42)),
  };
  const cli = cliOnTerminal(['top', '--home', fake.home], { cwd: fake.home });
  await cli.until((text) => text.includes('requests/s') && text.includes(' 42'));
  cli.child.kill('SIGINT');
  expect(await cli.child.exited).toBe(0);
  await cli.until((text) => text.endsWith('\x1b[?25h\x1b[?1049l'));
});

test('top asks a proxy itself, and takes its only service', async () => {
  const [blue, green] = [startOrigin('blue'), startOrigin('green')];
  const proxy = await ProxyFixture.start(1);
  try {
    await proxy.router.apply(routeTo('shop', 1, 'green', blue.address, green.address));
    const { exit, stdout, stderr } = await runCli(['top', '--count', '1', '--admin', proxy.router.socket], {
      cwd: proxy.home,
    });
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout.split('\n').map((line) => line.slice(10, 37))).toEqual([
      'shop  blue  requests/s 0  e',
      'shop  green*  requests/s 0 ',
      '',
    ]);
    await proxy.router.apply({
      ...routeTo('shop', 2, 'green', blue.address, green.address),
      weights: { blue: 1, green: 3 },
    });
    const shared = await runCli(['top', '--json', '--count', '1', '--admin', proxy.router.socket], {
      cwd: proxy.home,
    });
    expect(JSON.parse(shared.stdout)).toMatchObject({ weights: { blue: 25, green: 75 }, paused: null });
    const other = await runCli(['top', 'blog', '--admin', proxy.router.socket], { cwd: proxy.home });
    expect(other.exit).toBe(4);
  } finally {
    await proxy.close();
    await Promise.all([blue.close(), green.close()]);
  }
});
