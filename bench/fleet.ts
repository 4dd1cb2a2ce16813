import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Fleet, exampleSpec, until } from '../test/fixtures/fleet/fleet.ts';

interface Row {
  readonly killed: string;
  readonly outcome: string;
  readonly requests: number;
  readonly failed: number;
  /** The fewest of six servers in service at a time, by the balancer of users. */
  readonly fewest: number;
  readonly samples: number;
  readonly ms: number;
}

/** In each of these steps of a plan, the first and the second time that it comes, a host is killed. */
const killIn = [
  ...['ship', 'withdraw', 'drain', 'prepare', 'start', 'health', 'verify', 'rejoin', 'hold'],
  ...['ship 2', 'switch', 'drain 2', 'prepare 2', 'start 2', 'health 2', 'verify 2', 'rejoin 2', 'bake'],
];

/** Of the steps of a plan, which one is meant. */
function placeOf(kinds: readonly string[], name: string): number {
  const [kind = '', which = '1'] = name.split(' ');
  const at = kinds.flatMap((each, index) => (each === kind ? [index] : []))[Number(which) - 1];
  if (at === undefined) throw new Error(`the plan has no ${name}`);
  return at;
}

/** Renews the whole fleet over and over until so many requests were answered. */
async function renewals(fleet: Fleet, least: number): Promise<Row> {
  const load = fleet.load(16);
  fleet.watch();
  const begun = performance.now();
  let done = 0;
  let release: 1 | 2 = 1;
  do {
    release = release === 1 ? 2 : 1;
    const { exit, stderr } = await fleet.deploy(release);
    if (exit !== 0) throw new Error(`renewal ${done + 1} failed:\n${stderr}`);
    done++;
  } while ((await load.snapshot()).requests < least);
  const { requests, failed } = await load.stop();
  const { samples, fewest } = fleet.watched();
  const ms = Math.round(performance.now() - begun);
  return { killed: 'none', outcome: `${done} renewed`, requests, failed, samples, fewest, ms };
}

/** One renewal, in a step of which a host of the stack that it is about is lost; then the host comes back, and the fleet is made whole. */
async function renewalWithout(fleet: Fleet, name: string): Promise<Row> {
  const before = await fleet.shop();
  const first = before.live === 'blue' ? 'green' : 'blue';
  const isSecond = killIn.indexOf(name) >= killIn.indexOf('ship 2');
  const stack = isSecond === (first === 'green') ? 'blue' : 'green';
  const host = stack === 'blue' ? 2 : 5;
  const id = (before.deployment?.id ?? 0) + 1;
  const load = fleet.load(8, 300);
  fleet.watch();
  const begun = performance.now();
  const release = before.versions?.[0]?.release === 1 || id % 2 === 0 ? 2 : 1;
  const going = fleet.deploy(release);
  const planned = await fleet.untilStep(id, 0);
  await fleet.untilStep(
    id,
    placeOf(
      planned.steps.map(({ kind }) => kind),
      name,
    ),
  );
  fleet.kill(host);
  await going;
  const ms = Math.round(performance.now() - begun);
  const { samples, fewest } = fleet.watched();
  const { requests, failed } = await load.stop();
  const { deployment } = await fleet.shop();
  await fleet.revive(host);
  // What comes next finds every host again.
  for (let tries = 0; (await fleet.inService('live')).length < 6; tries++) {
    if (tries === 4) throw new Error(`${name}: the fleet was not whole again after 4 deployments`);
    await fleet.deploy(1);
    await until('the balancer has seen it', () => true);
  }
  return {
    killed: `web${host} in ${name}`,
    outcome: deployment?.status ?? 'none',
    requests,
    failed,
    samples,
    fewest,
    ms,
  };
}

function print(rows: readonly Row[]): void {
  const head = ['host killed', 'outcome', 'requests', 'failed', 'fewest of 6', 'samples', 'time'];
  const cells = rows.map(({ killed, outcome, requests, failed, fewest, samples, ms }) =>
    [killed, outcome, requests, failed, fewest, samples, `${(ms / 1000).toFixed(1)} s`].map(String),
  );
  const widths = head.map((title, at) => Math.max(title.length, ...cells.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ');
  console.log([head, ...cells].map(line).join('\n'));
}

/**
 * `npm run bench -- fleet`: two stacks of three hosts renewed by split-fleet behind HAProxy, and again with a host that dies in each step. Ends with 1 where a
 * request failed without a host being killed, or fewer served than the rule allows.
 */
export async function benchFleet(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { requests: { type: 'string', default: '100000' }, steps: { type: 'string' } },
  });
  const absent = Fleet.absent();
  if (absent !== null) {
    console.error(`fleet: ${absent}`);
    return 2;
  }
  const rows: Row[] = [];
  const fleet = await Fleet.open(exampleSpec);
  try {
    const { exit, stderr } = await fleet.deploy(1);
    if (exit !== 0) throw new Error(`the first deployment failed:\n${stderr}`);
    await fleet.untilInService('live', 6);
    rows.push(await renewals(fleet, Number(values.requests)));
    console.log(JSON.stringify(rows[0]));
    for (const name of values.steps?.split(',') ?? killIn) {
      const row = await renewalWithout(fleet, name);
      rows.push(row);
      console.log(JSON.stringify(row));
    }
  } finally {
    await fleet.close();
    if (rows.length > 0) {
      const out = join(import.meta.dirname, 'out');
      mkdirSync(out, { recursive: true });
      writeFileSync(join(out, 'fleet.json'), `${JSON.stringify({ rule: 3, of: 6, rows }, null, 2)}\n`);
      print(rows);
    }
  }
  const [calm] = rows;
  return calm && calm.failed === 0 && calm.fewest >= 3 ? 0 : 1;
}
