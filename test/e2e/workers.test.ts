import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SpecInput } from '../../src/core/spec.ts';
import { House, until } from './house.ts';

const program = join(import.meta.dir, '../../examples/worker');
let house: House;
let folder: string;
let journal: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutover workers '));
  journal = join(folder, 'journal');
  house = await House.open({ workers: 1 });
}, 60_000);
afterAll(async () => {
  await house.close();
  rmSync(folder, { recursive: true, force: true });
});

const jobs = (spec: SpecInput): SpecInput => ({
  ...spec,
  checks: [],
  environments: {
    variables: { JOURNAL: journal },
    layers: {
      web: { command: ['node', 'web.js'], health: { http: {}, interval: '20ms', startPeriod: '15s' } },
      worker: {
        command: ['node', 'worker.js'],
        instances: 2,
        health: { running: '100ms' },
        active: { file: true, within: '5s' },
      },
      schedule: {
        command: ['./tick.sh'],
        health: { running: '100ms' },
        active: { file: true, within: '5s' },
      },
    },
  },
});

interface Job {
  readonly side: string;
  readonly release: number;
  readonly begun: number;
  readonly done: number;
}

const jobsDone = (): Job[] =>
  (existsSync(journal) ? readFileSync(journal, 'utf8') : '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [side = '', release, begun, done] = line.split(' ');
      return { side, release: Number(release), begun: Number(begun), done: Number(done) };
    });

/** Jobs of the two sides that were done at the same time. */
function overlaps(): [Job, Job][] {
  const all = jobsDone();
  const [blue, green] = ['blue', 'green'].map((side) => all.filter((job) => job.side === side));
  return (blue ?? []).flatMap((one) =>
    (green ?? [])
      .filter((other) => one.begun < other.done && other.begun < one.done)
      .map((other): [Job, Job] => [one, other]),
  );
}

/** Waits until the release that is live does jobs, and ticks. */
async function works(): Promise<void> {
  const { live, environments } = await house.service();
  const release = live === null ? 0 : environments[live].release;
  const since = Date.now();
  await until(`release ${release} works`, () =>
    jobsDone().some((job) => job.release === release && job.side === live && job.begun > since)
      ? true
      : undefined,
  );
  const ticks = readFileSync(`${journal}.ticks`, 'utf8').length;
  await until('the schedule ticks', () =>
    readFileSync(`${journal}.ticks`, 'utf8').length > ticks ? true : undefined,
  );
}

test('workers and a schedule are handed over with the switch and the rollback, and two sides never work at once', async () => {
  expect((await house.deployed(program, jobs)).status).toBe('succeeded');
  await works();
  const second = await house.deployed(program, jobs);
  expect(second).toMatchObject({ status: 'succeeded' });
  expect(second.steps.map(({ kind }) => kind)).toContain('passivate');
  await works();
  const { deployment } = await house.rollback();
  await house.settled(deployment);
  await works();
  expect(overlaps()).toEqual([]);
}, 60_000);

test('a worker that is killed begins again as it was told, on both sides', async () => {
  const { live, environments } = await house.service();
  for (const colour of ['blue', 'green'] as const) {
    const worker = environments[colour].instances.find(({ layer }) => layer === 'worker');
    if (typeof worker?.pid !== 'number') throw new Error(`no worker runs on ${colour}`);
    process.kill(worker.pid, 'SIGKILL');
    await until('it runs again', async () => {
      const found = (await house.service()).environments[colour].instances;
      return found.every(({ state }) => state === 'running') && found.some(({ restarts }) => restarts > 0)
        ? true
        : undefined;
    });
  }
  expect(live).not.toBeNull();
  await works();
  expect(overlaps()).toEqual([]);
}, 60_000);

test('wherever the controller is killed around the hand-over, no two sides work at once, and the next one ends it', async () => {
  let deaths = 0;
  // From before the workers of the old side are told to after those of the new side were.
  for (let append = 12; append <= 22; append++) {
    await house.kill();
    await house.start({ workers: 1, failPoint: `before:${append}` });
    const { id } = await house.deploy(program, jobs);
    const ended = await until('it dies or ends', async () => {
      if (!house.alive) return 'died';
      const view = await house.deployment(id).catch(() => undefined);
      return view && view.endedAt !== null ? 'ended' : undefined;
    });
    if (ended === 'died') {
      deaths += 1;
      await house.start({ workers: 1 });
    }
    expect((await house.settled(id)).status).toBe('succeeded');
    await works();
  }
  expect(deaths).toBeGreaterThan(8);
  expect(overlaps()).toEqual([]);
}, 240_000);

test('a worker is told by signals or by commands, and one that does not answer is ended', async () => {
  const heard = join(folder, 'heard');
  const told = (spec: SpecInput): SpecInput => ({
    ...spec,
    checks: [],
    environments: {
      variables: { HEARD: heard },
      layers: {
        web: { command: ['node', 'web.js'], health: { http: {}, interval: '20ms', startPeriod: '15s' } },
        signalled: {
          command: ['node', '-e', signalled],
          health: { running: '500ms' },
          active: { signal: { active: 'SIGUSR2', passive: 'SIGHUP' }, within: '10s' },
        },
        commanded: {
          command: ['sleep', '1000'],
          health: { running: '100ms' },
          active: {
            command: {
              active: ['sh', '-c', 'echo "command $CUTOVER_ENVIRONMENT $CUTOVER_ACTIVE" >> "$HEARD"'],
              passive: ['sh', '-c', 'echo "command $CUTOVER_ENVIRONMENT $CUTOVER_ACTIVE" >> "$HEARD"'],
            },
          },
        },
        silent: {
          command: ['sleep', '1000'],
          health: { running: '100ms' },
          active: { file: true, within: '200ms' },
        },
      },
    },
  });
  const first = await house.deployed(program, told);
  expect(first.status).toBe('succeeded');
  const from = (await house.service()).live;
  const second = await house.deployed(program, told);
  expect(second.status).toBe('succeeded');
  const to = (await house.service()).live;
  const said = second.steps.find(({ kind }) => kind === 'passivate')?.says;
  expect(said).toContain('3 workers, 1 of them ended');
  const lines = await until('all was heard', () => {
    const found = readFileSync(heard, 'utf8').trim().split('\n');
    return found.length >= 6 ? found : undefined;
  });
  const of = (kind: string): string[] => lines.filter((line) => line.startsWith(kind));
  for (const kind of ['signal', 'command'])
    expect(of(kind)).toEqual([`${kind} ${from} active`, `${kind} ${from} passive`, `${kind} ${to} active`]);
}, 60_000);

/** Writes each state that it is signalled, and answers. */
const signalled = `
  const { appendFileSync, readFileSync, writeFileSync } = require('node:fs');
  const { CUTOVER_ACTIVE_FILE: file, CUTOVER_ENVIRONMENT: side, HEARD: heard } = process.env;
  const look = () => {
    const line = readFileSync(file, 'utf8').trim();
    appendFileSync(heard, 'signal ' + side + ' ' + line.split(' ')[0] + '\\n');
    if (line.startsWith('passive')) writeFileSync(file + '.ack', line);
  };
  process.on('SIGUSR2', look);
  process.on('SIGHUP', look);
  setInterval(() => undefined, 1000);
`;
