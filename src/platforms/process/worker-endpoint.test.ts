import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../clocks/system.ts';
import type { Placement } from '../../core/placement.ts';
import type { Release } from '../../core/release.ts';
import { Spec } from '../../core/spec.ts';
import { createProcessPlatform, type ProcessPlatform } from './platform.ts';
import { removeSealed } from './sealed-tree.ts';

/** Works while it may, and writes down when it begins and stops. MOOD: how its endpoint answers. */
const program = `
const { createServer } = require('node:http');
const { appendFileSync } = require('node:fs');
const { CUTOVER_ENVIRONMENT: side, CUTOVER_ACTIVE, CUTOVER_ACTIVE_EPOCH, HOST, PORT, JOURNAL, MOOD } = process.env;
let last = Number(CUTOVER_ACTIVE_EPOCH);
let works = false;
let finishing = 0;
const set = (to) => { if (to !== works) appendFileSync(JOURNAL, side + (to ? ' begins' : ' stops') + ' ' + process.pid + '\\n'); works = to; };
set(CUTOVER_ACTIVE === 'active');
createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const [state, epoch] = body.trim().split(' ');
  appendFileSync(JOURNAL, side + ' hears ' + request.method + ' ' + request.url + ' ' + body);
  if (Number(epoch) < last) return void response.writeHead(409).end();
  last = Number(epoch);
  if (state === 'passive' && MOOD === 'silent') return;
  if (state === 'passive' && MOOD === 'unwilling') return void response.writeHead(500).end();
  if (state === 'passive' && MOOD === 'slow' && ++finishing < 3) return void response.writeHead(202).end();
  set(state === 'active');
  response.writeHead(204).end();
}).listen(PORT, HOST);
`;

let folder: string;
let journal: string;
let platform: ProcessPlatform;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover endpoint '));
  journal = join(folder, 'journal');
  mkdirSync(join(folder, 'app'));
  writeFileSync(join(folder, 'app/worker.js'), program);
  platform = createProcessPlatform({ home: join(folder, 'home'), clock: systemClock });
});
afterEach(async () => {
  for (const colour of ['blue', 'green'] as const) await platform.stop({ service: 'jobs', colour });
  await platform.close();
  await removeSealed(folder);
});

const told = (): string[] => (existsSync(journal) ? readFileSync(journal, 'utf8').trimEnd().split('\n') : []);
const work = (): string[] =>
  told()
    .filter((line) => !line.includes(' hears '))
    .map((line) => line.split(' ').slice(0, 2).join(' '));

/** Two environments with one worker each, both started. */
async function both(mood: string, within = '10s'): Promise<void> {
  const spec = Spec.parse({
    service: 'jobs',
    router: { listen: '127.0.0.1:1', layer: 'worker' },
    environments: {
      variables: { JOURNAL: journal, MOOD: mood },
      layers: {
        worker: {
          command: ['node', 'worker.js'],
          active: { http: { path: '/lease' }, within },
          stop: { grace: '1s' },
          restart: { backoff: '10ms' },
        },
      },
    },
  });
  const release: Release = {
    ...{ number: 1, version: 'v1', source: { kind: 'directory', path: join(folder, 'app') }, base: folder },
    ...{ spec, createdAt: 0, by: 'test', digest: null },
  };
  await platform.ship('jobs', release);
  for (const colour of ['blue', 'green'] as const) {
    const placement: Placement = await platform.place({ service: 'jobs', colour }, release, null);
    await platform.start({ service: 'jobs', colour }, release, placement);
  }
}
const order = (colour: 'blue' | 'green', state: 'active' | 'passive', epoch: number) =>
  platform.lease!({ service: 'jobs', colour }, { state, epoch });

test('an endpoint is told with the number, also one that does not listen yet, and says when it is done', async () => {
  await both('good');
  expect(await order('blue', 'active', 1)).toEqual({ told: 1, ended: 0 });
  expect(await order('blue', 'passive', 2)).toEqual({ told: 1, ended: 0 });
  expect(await order('green', 'active', 3)).toEqual({ told: 1, ended: 0 });
  expect(work()).toEqual(['blue begins', 'blue stops', 'green begins']);
  expect(told()).toContain('blue hears PUT /lease active 1');
  expect(told()).toContain('blue hears PUT /lease passive 2');
});

test('one that finishes a job first is asked until it has', async () => {
  await both('slow');
  await order('blue', 'active', 1);
  expect(await order('blue', 'passive', 2)).toEqual({ told: 1, ended: 0 });
  expect(told().filter((line) => line === 'blue hears PUT /lease passive 2')).toHaveLength(3);
  expect(work()).toEqual(['blue begins', 'blue stops']);
});

test.each(['silent', 'unwilling'])(
  'one that is %s is ended before another begins, and starts again as passive',
  async (mood) => {
    await both(mood, '3s');
    await order('blue', 'active', 1);
    const [before] = await platform.inspect({ service: 'jobs', colour: 'blue' });
    expect(await order('blue', 'passive', 2)).toEqual({ told: 1, ended: 1 });
    expect(() => process.kill(before?.pid ?? 0, 0)).toThrow('ESRCH');
    await order('green', 'active', 3);
    let again = before;
    while (again?.pid === null || again?.pid === before?.pid)
      [again] = await platform.inspect({ service: 'jobs', colour: 'blue' });
    // The process that was ended never said that it stopped; the one after it does not work.
    expect(work()).toEqual(['blue begins', 'green begins']);
  },
);

test('one that does not listen where it is told cannot begin, and the error says what was asked of it', async () => {
  writeFileSync(join(folder, 'app/worker.js'), 'setInterval(() => undefined, 1000)');
  await both('good', '300ms');
  expect(await order('blue', 'active', 1).catch((error: unknown) => error)).toMatchObject({
    code: 'hand-over-failed',
    message: expect.stringContaining(
      'its active.http (PUT /lease) to answer with 2xx within 300 ms',
    ) as string,
  });
});
