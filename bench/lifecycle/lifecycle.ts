import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Address } from '../../src/core/address.ts';
import type { SpecInput } from '../../src/core/spec.ts';
import type { DeploymentView, ServiceView } from '../../src/server/api.ts';
import { freePort, House, until } from '../../test/e2e/house.ts';
import { Users } from './users.ts';

/*
 * Bad releases, each bad in a way of its own, are deployed under the load of users: which stage catches each, after how many users' requests, in
 * what time. And a release that is just like the one before is deployed again and again: how often is it blamed?
 */

/** Requests a second. */
const rate = 200;
/** How many services take turns with releases that are not bad, side by side. */
const lanes = 4;
const laneRate = 80;

const flaws = [
  ['a memory of slow responses: each answer is slower than the one before', 'memory'],
  ['fails one request in fifty', 'one-in-fifty'],
  ['answers wrongly, but with 200', 'wrong'],
  ['worse only at p99', 'tail'],
  ['breaks only under full traffic', 'crowd'],
] as const;

export interface LifecycleCase {
  readonly name: string;
  /** The stage that failed; `nobody`: it was kept. */
  readonly caughtBy: string;
  /** Requests of users that it answered badly: failed, wrong or slow. */
  readonly requestsServedBad: number;
  /** All that it answered to users. */
  readonly requestsServed: number;
  /** From the order to deploy until it had no traffic any more. */
  readonly seconds: number;
  /** Which release has the traffic afterwards: the one `before`, or the `bad` one. */
  readonly live: 'before' | 'bad';
  readonly why: string;
}

interface Lane {
  readonly house: House;
  readonly service: string;
  readonly listen: Address;
  readonly rate: number;
}

function specOf({ service, listen, rate }: Lane, flaw: string): SpecInput {
  return {
    service,
    router: { listen: `${listen.host}:${listen.port}` },
    environments: {
      variables: { FLAW: flaw, CROWD: String(Math.round(rate * 0.75)) },
      layers: {
        web: {
          command: ['node', 'server.js'],
          health: { http: { path: '/health' }, interval: '50ms', timeout: '2s' },
        },
      },
    },
    mirror: { share: '30%', for: '2s', leastRequests: 100, limit: { differences: '1%' } },
    warmUp: { paths: ['/items/1'], atMost: '2s' },
    strategy: {
      kind: 'canary',
      weights: [20, 50],
      hold: '5s',
      drain: '2s',
      bake: '10s',
    },
    analysis: { every: '500ms', settle: '1s', leastRequests: 50 },
    keep: '1m',
  };
}

const base = join(import.meta.dir, 'app');

async function deploy(lane: Lane, flaw: string): Promise<DeploymentView> {
  const order = {
    spec: specOf(lane, flaw),
    base,
    source: { kind: 'directory', path: base },
    version: flaw,
  };
  return lane.house.ask('POST', `/v1/services/${lane.service}/deployments`, { by: 'bench', order });
}

async function settled({ house, service }: Lane, id: number): Promise<DeploymentView> {
  return until(
    `deployment ${id} of ${service} ends`,
    async () => {
      const view = await house.ask<DeploymentView>('GET', `/v1/services/${service}/deployments/${id}`);
      return view.status === 'running' || view.status === 'turning-back' ? undefined : view;
    },
    180_000,
  );
}

/** The first release goes live at once: there is nothing that it could be compared with. */
async function begin(lane: Lane): Promise<Users> {
  const first = await settled(lane, (await deploy(lane, 'none')).id);
  if (first.status !== 'succeeded') throw new Error(`the first release: ${first.failure?.message ?? ''}`);
  return new Users(lane.listen, lane.rate);
}

async function bad(house: House, name: string, flaw: string): Promise<LifecycleCase> {
  const lane = { house, service: flaw, listen: { host: '127.0.0.1', port: await freePort() }, rate };
  const users = await begin(lane);
  try {
    // What it is like before, for whoever compares.
    await Bun.sleep(5000);
    const ended = await settled(lane, (await deploy(lane, flaw)).id);
    const { live, environments } = await house.ask<ServiceView>('GET', `/v1/services/${flaw}`);
    const failed = ended.steps.find(({ error }) => error !== null);
    const back =
      ended.receipt?.switchBack?.at ?? ended.steps.findLast(({ kind }) => kind === 'weigh')?.endedAt;
    const { answered, bad } = users.served(String(ended.release));
    return {
      name,
      caughtBy: failed?.kind ?? 'nobody',
      requestsServedBad: bad,
      requestsServed: answered,
      seconds: Number(
        (((failed?.endedAt ?? ended.endedAt ?? back ?? 0) - ended.startedAt) / 1000).toFixed(1),
      ),
      live: live !== null && environments[live].release === ended.release ? 'bad' : 'before',
      why: ended.failure?.message ?? '',
    };
  } finally {
    await users.stop();
  }
}

/** Deploys what is not bad so many times, and returns what was said of it where it was blamed. */
async function unchanged(house: House, index: number, runs: number): Promise<string[]> {
  const listen = { host: '127.0.0.1', port: await freePort() };
  const lane = { house, service: `unchanged-${index}`, listen, rate: laneRate };
  const users = await begin(lane);
  const alarms: string[] = [];
  try {
    for (let run = 0; run < runs; run++) {
      const ended = await settled(lane, (await deploy(lane, 'none')).id);
      if (ended.status !== 'succeeded') alarms.push(ended.failure?.message ?? ended.status);
    }
  } finally {
    await users.stop();
  }
  return alarms;
}

/** `npm run bench -- lifecycle [--runs N] [--case NAME]`: prints a table and writes bench/out/lifecycle.json. Returns the exit code: 1 if a bad release was kept. */
export async function benchLifecycle(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { runs: { type: 'string', default: '100' }, case: { type: 'string' } },
  });
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 0)
    throw new Error(`--runs: expected a whole number, found ${values.runs}`);
  const wanted = flaws.filter(([, flaw]) => values.case === undefined || flaw === values.case);
  if (wanted.length === 0)
    throw new Error(
      `--case: expected one of ${flaws.map(([, flaw]) => flaw).join(', ')}, found ${values.case}`,
    );
  const house = await House.open();
  try {
    const cases: LifecycleCase[] = [];
    for (const [name, flaw] of wanted) {
      const found = await bad(house, name, flaw);
      cases.push(found);
      console.log(
        `${found.name}\n  caught by ${found.caughtBy} after ${found.seconds} s; ${found.requestsServedBad} bad answers of ${found.requestsServed} to users; live: ${found.live}\n  ${found.why}`,
      );
    }
    const perLane = Array.from({ length: lanes }, (_, index) => Math.floor((runs + index) / lanes));
    const alarms = (
      await Promise.all(
        perLane.filter((count) => count > 0).map((count, index) => unchanged(house, index, count)),
      )
    ).flat();
    console.log(`an unchanged release, ${runs} times: ${alarms.length} false alarms`);
    for (const alarm of alarms) console.log(`  ${alarm}`);
    const out = join(import.meta.dir, '..', 'out');
    mkdirSync(out, { recursive: true });
    writeFileSync(
      join(out, 'lifecycle.json'),
      `${JSON.stringify({ cases, runs, falseAlarms: alarms.length, alarms }, null, 2)}\n`,
    );
    return cases.some(({ live }) => live === 'bad') ? 1 : 0;
  } finally {
    await house.close();
  }
}
