import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startLoad } from '../src/testing/load/load.ts';
import { command, House, shop } from '../test/e2e/house.ts';

/*
 * What deploying costs: the switch and the rollback from API call to answer, under load; what `deploy` adds to the time that the
 * program itself takes to start and to be checked; and how long `status` takes, from the start of the command line to its end.
 */
const rounds = 20;

interface Case {
  readonly name: string;
  readonly unit: 'ms';
  readonly samples: number;
  readonly median: number;
  readonly p95: number;
  readonly max: number;
  readonly limit: number;
  readonly held: boolean;
}

function summary(name: string, times: readonly number[], limit: number): Case {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (q: number): number =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN).toFixed(2));
  return {
    name,
    unit: 'ms',
    samples: times.length,
    median: at(0.5),
    p95: at(0.95),
    max: at(1),
    limit,
    held: at(0.5) <= limit,
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** A port of 127.0.0.1 that nobody listens on just now. */
function freePort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  listener.stop(true);
  return listener.port;
}

/** From the start of the shop to the first good answer of its health page, as any program that starts it would see it. */
async function ownStartMs(): Promise<number> {
  const port = freePort();
  const begun = performance.now();
  const program = Bun.spawn(['node', 'server.js'], {
    cwd: shop(1),
    env: { PATH: process.env['PATH'] ?? '', HOST: '127.0.0.1', PORT: String(port) },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  try {
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${port}/health`).catch(() => null);
      if (response?.ok) return performance.now() - begun;
      if (program.exitCode !== null) throw new Error(`the shop ended with exit code ${program.exitCode}`);
      await Bun.sleep(5);
    }
  } finally {
    program.kill();
    await program.exited;
  }
}

async function run(argv: readonly string[], env: Record<string, string>): Promise<void> {
  const child = Bun.spawn([...argv], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await child.exited;
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with exit code ${code}`);
}

/** `npm run bench -- deploy`: prints a table and writes bench/out/deploy.json. Returns the exit code: 1 if a request failed. */
export async function benchDeploy(): Promise<number> {
  const house = await House.open();
  try {
    await house.deployed(shop(1));
    await house.deployed(shop(2));
    const load = startLoad({ target: house.listen, connections: 64, rate: 1500, seed: 5 });

    const switches: number[] = [];
    const rollbacks: number[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const [times, path] of [
        [switches, 'switch'],
        [rollbacks, 'rollback'],
      ] as const) {
        const { live, deployment } = await house.service();
        if (deployment) await house.settled(deployment.id);
        const to = live === 'blue' ? 'green' : 'blue';
        const body = path === 'switch' ? { by: 'bench', to } : { by: 'bench' };
        times.push(await timed(() => house.ask('POST', `/v1/services/shop/${path}`, body)));
      }
    }
    const { deployment } = await house.service();
    if (deployment) await house.settled(deployment.id);
    const seen = await load.stop();

    const own: number[] = [];
    const whole: number[] = [];
    const status: number[] = [];
    for (let round = 0; round < rounds / 2; round++) {
      own.push(await ownStartMs());
      // From the request until the program has the traffic and the deployment has ended.
      whole.push(await timed(() => house.deployed(shop(1))));
      status.push(await timed(() => run([...command(), 'status', '--json'], { CUTOVER_HOME: house.home })));
      status.push(await timed(() => run([...command(), 'status', '--json'], { CUTOVER_HOME: house.home })));
    }
    const sorted = [...own].sort((a, b) => a - b);
    const start = sorted[Math.floor(sorted.length / 2)] ?? 0;
    const cases = [
      summary('switch, API call to answer, under load', switches, 10),
      summary('rollback, API call to answer, under load', rollbacks, 20),
      summary(
        `deploy, beyond the program's own start of ${start.toFixed(0)} ms`,
        whole.map((ms) => ms - start),
        500,
      ),
      summary('cutover status, start to end', status, 100),
    ];
    for (const { name, median, p95, max, limit, held } of cases) {
      console.log(
        `${name.padEnd(60)} median ${median} ms, p95 ${p95}, max ${max} (limit ${limit}: ${held ? 'held' : 'MISSED'})`,
      );
    }
    console.log(`load meanwhile: ${seen.requests} requests, ${seen.failed} failed`);
    const out = join(import.meta.dir, 'out');
    mkdirSync(out, { recursive: true });
    writeFileSync(
      join(out, 'deploy.json'),
      `${JSON.stringify({ cases, requests: seen.requests, failed: seen.failed }, null, 2)}\n`,
    );
    return seen.failed === 0 && seen.requests > 0 ? 0 : 1;
  } finally {
    await house.close();
  }
}
