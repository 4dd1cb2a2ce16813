import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { Address } from '../../src/core/address.ts';
import { runCli } from '../../src/cli/testing/run-cli.ts';
import { command, freePort, until } from './house.ts';

const page = readFileSync(join(import.meta.dir, '../../docs/agent.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, text]) => text ?? '',
  );
const haproxy = Bun.which('haproxy', { PATH: `${process.env['PATH']}:/usr/sbin` });

const Ready = z.object({
  role: z.string(),
  address: Address,
  agentCheck: Address.nullable(),
  proxy: Address.nullable(),
});
type Ready = z.infer<typeof Ready>;
const Traffic = z.object({ inFlight: z.number(), requests: z.number() });

let folder: string;
let cleanups: (() => void | Promise<void>)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover agent '));
  cleanups = [];
});
afterEach(async () => {
  for (const clean of cleanups.reverse()) await clean();
  rmSync(folder, { recursive: true, force: true });
});

/** A program that names itself in each answer, and takes its time where it is asked to. */
function instance(name: string): { port: number; release: () => void } {
  const slow = Promise.withResolvers<void>();
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      if (request.url.endsWith('/slow')) await slow.promise;
      return new Response(name);
    },
  });
  cleanups.push(() => server.stop(true));
  return { port: server.port ?? 0, release: slow.resolve };
}

interface RunningAgent extends Ready {
  readonly child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>;
}

async function run(home: string, port: number, ...more: string[]): Promise<RunningAgent> {
  mkdirSync(home, { recursive: true });
  const words = ['--listen', '127.0.0.1:0', '--instance', `127.0.0.1:${port}`, '--check', 'http:/healthz'];
  const child = Bun.spawn(
    [...command(), 'agent', 'run', '--home', home, ...words, '--interval', '20ms', '--json', ...more],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  cleanups.push(async () => {
    child.kill('SIGTERM');
    await child.exited;
  });
  let text = '';
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.endsWith('\n}\n')) break;
  }
  if (text === '') throw new Error(await child.stderr.text());
  const ready = { ...Ready.parse(JSON.parse(text)), child };
  await until('the agent has checked its instance', async () =>
    (await status(ready, '/health')) === 200 ? true : undefined,
  );
  return ready;
}

const at = ({ address }: Ready, path: string): string => `http://127.0.0.1:${address.port}${path}`;
const status = async (agent: Ready, path: string): Promise<number> => (await fetch(at(agent, path))).status;
const traffic = async (agent: Ready): Promise<z.infer<typeof Traffic>> =>
  Traffic.parse(await (await fetch(at(agent, '/in-flight'))).json());

describe('cutover agent', () => {
  test('keeps the role over kill -9, at whatever moment it comes', async () => {
    const { port } = instance('web');
    const home = join(folder, 'home');
    for (const [role, expected] of [
      ['standby', [500, 200]],
      ['live', [200, 500]],
      ['maintenance', [500, 500]],
    ] as const) {
      const agent = await run(home, port);
      const answered = await fetch(at(agent, `/enable/${role}`), { method: 'POST' });
      agent.child.kill('SIGKILL');
      expect(answered.status).toBe(200);
      await agent.child.exited;
      const next = await run(home, port);
      expect(next.role).toBe(role);
      expect([await status(next, '/live'), await status(next, '/standby')]).toEqual([...expected]);
      next.child.kill('SIGTERM');
      expect(await next.child.exited).toBe(0);
    }
  });

  test('is told by its owner through the home, and says how it is', async () => {
    const { port } = instance('web');
    const home = join(folder, 'home');
    const absent = await runCli(['agent', 'status', '--home', home], { cwd: folder });
    expect([absent.exit, absent.stderr]).toEqual([
      3,
      expect.stringContaining('found none that answers') as string,
    ]);
    const agent = await run(home, port);
    const enabled = await runCli(['agent', 'enable', 'standby', '--home', home], { cwd: folder });
    expect([enabled.exit, enabled.stdout]).toEqual([
      0,
      expect.stringMatching(/^standby since .*, healthy\n$/) as string,
    ]);
    expect(await status(agent, '/standby')).toBe(200);
    const told = await runCli(['agent', 'status', '--home', home, '--json'], { cwd: folder });
    expect(JSON.parse(told.stdout)).toMatchObject({ role: 'standby', condition: 'healthy' });
    const checked = await runCli(['agent', 'check', at(agent, ''), '--enable'], { cwd: folder });
    expect([checked.exit, checked.stdout]).toEqual([0, expect.stringContaining('all is well') as string]);
    expect(await status(agent, '/standby')).toBe(200);
  });

  test('lets a controller in by a token of its host, once, as its page shows', async () => {
    const home = join(folder, 'host');
    mkdirSync(home);
    const child = Bun.spawn(
      [...command(), 'agent', 'run', '--home', home, '--control', '127.0.0.1:0', '--json'],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    cleanups.push(async () => {
      child.kill('SIGTERM');
      await child.exited;
    });
    let text = '';
    for await (const chunk of child.stdout) {
      text += new TextDecoder().decode(chunk);
      if (text.endsWith('\n}\n')) break;
    }
    const { control } = z.object({ control: Address }).parse(JSON.parse(text));
    const shown = [...page.matchAll(/^cutover (agent (?:token|enroll|hosts).*)$/gm)].map(
      ([, words]) => words ?? '',
    );
    expect(shown).toHaveLength(3);
    const [token, enroll, hosts] = shown.map((words) =>
      words
        .replace(/ > token$/, '')
        .replace('192.0.2.1:7443', `127.0.0.1:${control.port}`)
        .split(' '),
    );
    const made = await runCli([...(token ?? []), '--home', home], { cwd: folder });
    expect([made.exit, made.stdout]).toEqual([0, expect.stringMatching(/^cutover1\.\S+\n$/) as string]);
    writeFileSync(join(folder, 'token'), made.stdout);
    const own = ['--home', join(folder, 'controller')];
    const enrolled = await runCli([...(enroll ?? []), ...own], { cwd: folder });
    expect([enrolled.exit, enrolled.stdout]).toEqual([
      0,
      expect.stringContaining('enrolled: web1 at') as string,
    ]);
    const listed = await runCli([...(hosts ?? []), ...own], { cwd: folder });
    expect([listed.exit, listed.stdout]).toEqual([0, expect.stringMatching(/^✓ web1 /) as string]);
    const again = await runCli([...(enroll ?? []), '--home', join(folder, 'another')], { cwd: folder });
    expect([again.exit, again.stderr]).toEqual([3, expect.stringContaining('was used already') as string]);
    expect(readFileSync(join(folder, 'controller/hosts/web1/controller.key'), 'utf8')).toContain(
      'PRIVATE KEY',
    );
  });

  test('says which words are wrong', async () => {
    const cases: [string[], number, string][] = [
      [['run'], 2, 'expected --listen ADDR, found none'],
      [['run', '--listen', ':0'], 2, 'expected --instance ADDR, found none'],
      [['run', '--listen', ':0', '--instance', ':0'], 2, '--instance: expected a port'],
      [
        ['run', '--listen', ':0', '--instance', ':1', '--check', 'ping'],
        2,
        'expected tcp or http:/PATH, found ping',
      ],
      [['run', '--listen', ':0', '--instance', ':1', '--token-file', 'none'], 2, 'found none at'],
      [['status', '--listen', ':0'], 2, '--listen is for another action'],
      [['enable', 'both'], 2, 'expected one of live, standby, maintenance, found both'],
      [['check'], 2, 'expected a URL, found none'],
      [['run', '--control', ':0', '--proxy', ':0'], 2, '--proxy: expected an instance'],
      [['run', '--control', ':0', '--advertise', 'web1'], 2, '--advertise: expected an IP address'],
      [['token', '--home', 'nowhere'], 3, 'expected the home of an agent'],
      [['enroll', 'Web1', ':1'], 2, 'expected a name of lower-case letters'],
      [['enroll', 'web1', 'there'], 2, 'expected HOST:PORT'],
      [['enroll', 'web1', ':1'], 2, 'expected --token-file'],
      [['enroll', 'web1', ':1', 'x'], 2, 'expected no more words, found x'],
      [['check', 'http://127.0.0.1:1'], 3, 'connection refused'],
    ];
    for (const [words, exit, says] of cases) {
      const ran = await runCli(['agent', ...words], { cwd: folder });
      expect([words, ran.exit, ran.stderr]).toEqual([words, exit, expect.stringContaining(says) as string]);
    }
  });

  test('answers the examples of its page', async () => {
    const examples = [...page.matchAll(/^curl .*$/gm)].map(([line]) => line);
    expect(examples.length).toBeGreaterThan(5);
    const agent = await run(join(folder, 'home'), instance('web').port, '--proxy', '127.0.0.1:0');
    for (const example of examples) {
      const ran = Bun.spawn(
        [
          'bash',
          '-c',
          example
            .replace('curl', 'curl -sS --fail-with-body')
            .replace('127.0.0.1:8081', `127.0.0.1:${agent.address.port}`),
        ],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      );
      const [stdout, stderr, exit] = await Promise.all([ran.stdout.text(), ran.stderr.text(), ran.exited]);
      expect([example, stderr, exit, stdout.length > 0]).toEqual([example, '', 0, true]);
    }
  });

  test.skipIf(haproxy === null)(
    'takes an instance out of service behind HAProxy with no request lost, and shows when it is free',
    async () => {
      const web = [instance('web1'), instance('web2')] as const;
      const agents = [
        await run(join(folder, 'one'), web[0].port, '--proxy', '127.0.0.1:0'),
        await run(join(folder, 'two'), web[1].port, '--proxy', '127.0.0.1:0'),
      ] as const;
      const ports = { users: await freePort(), testers: await freePort() };
      const config = (blocks('haproxy')[0] ?? '')
        .replace('bind :80\n', `bind 127.0.0.1:${ports.users}\n`)
        .replace('bind :8000\n', `bind 127.0.0.1:${ports.testers}\n`)
        .replaceAll(/192\.0\.2\.([12]):8080 port 8081/g, (_, n: string) => {
          const agent = agents[n === '1' ? 0 : 1];
          return `127.0.0.1:${agent.proxy?.port} port ${agent.address.port}`;
        });
      const file = join(folder, 'haproxy.cfg');
      writeFileSync(file, config);
      const balancer = Bun.spawn([haproxy ?? '', '-db', '-q', '-f', file], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      cleanups.push(async () => {
        balancer.kill('SIGKILL');
        await balancer.exited;
      });
      const ask = async (port: number, path = '/'): Promise<string> => {
        const answer = await fetch(`http://127.0.0.1:${port}${path}`, { keepalive: false });
        return answer.ok ? answer.text() : `status ${answer.status}`;
      };
      await until('both serve users', async () => {
        const seen = new Set([
          await ask(ports.users).catch(() => ''),
          await ask(ports.users).catch(() => ''),
        ]);
        return seen.has('web1') && seen.has('web2') ? true : undefined;
      });
      // HAProxy takes a server for good until its first check.
      await until('no standby is there for testers', async () =>
        (await ask(ports.testers)) === 'status 503' ? true : undefined,
      );

      const counts = new Map<string, number>();
      let isOver = false;
      const load = Promise.all(
        Array.from({ length: 4 }, async () => {
          while (!isOver) {
            const name = await ask(ports.users).catch((error: unknown) => String(error));
            counts.set(name, (counts.get(name) ?? 0) + 1);
          }
        }),
      );
      // Some that take long begin before: two at each.
      const slow = Array.from({ length: 4 }, () => ask(ports.users, '/slow'));
      await until('slow requests are under way at web1', async () =>
        (await traffic(agents[0])).inFlight >= 2 ? true : undefined,
      );
      expect((await fetch(at(agents[0], '/enable/standby'), { method: 'POST' })).status).toBe(200);
      await until('testers reach web1', async () =>
        (await ask(ports.testers)) === 'web1' ? true : undefined,
      );
      await until('users reach only web2', async () => {
        const before = counts.get('web1') ?? 0;
        const others = (counts.get('web2') ?? 0) + 100;
        await until('a hundred more', () => ((counts.get('web2') ?? 0) >= others ? true : undefined));
        return before === (counts.get('web1') ?? 0) ? true : undefined;
      });
      // What had begun goes on, and is seen.
      expect((await traffic(agents[0])).inFlight).toBeGreaterThanOrEqual(2);
      for (const each of web) each.release();
      await until('web1 is free', async () => ((await traffic(agents[0])).inFlight === 0 ? true : undefined));
      const free = await traffic(agents[0]);
      expect((await Promise.all(slow)).sort()).toEqual(['web1', 'web1', 'web2', 'web2']);

      await fetch(at(agents[0], '/enable/live'), { method: 'POST' });
      await until('users reach web1 again', async () =>
        (await traffic(agents[0])).requests > free.requests + 20 ? true : undefined,
      );
      isOver = true;
      await load;
      expect([...counts.keys()].sort()).toEqual(['web1', 'web2']);
    },
  );

  test.skipIf(haproxy === null)('is understood by HAProxy’s agent checks', async () => {
    const web = instance('web1');
    const agent = await run(join(folder, 'home'), web.port, '--agent-check', '127.0.0.1:0');
    const socket = join(mkdtempSync(join(tmpdir(), 'ha')), 's');
    cleanups.push(() => rmSync(join(socket, '..'), { recursive: true, force: true }));
    const file = join(folder, 'haproxy.cfg');
    const backend = (blocks('haproxy')[1] ?? '').replace(
      '192.0.2.1:8080 agent-addr 192.0.2.1 agent-port 8082',
      `127.0.0.1:${web.port} agent-addr 127.0.0.1 agent-port ${agent.agentCheck?.port} weight 100`,
    );
    writeFileSync(
      file,
      `global\n stats socket ${socket} level admin\ndefaults\n mode http\n timeout connect 1s\n timeout client 9s\n timeout server 9s\nfrontend f\n bind 127.0.0.1:${await freePort()}\n default_backend live-by-agent\n${backend}`,
    );
    const balancer = Bun.spawn([haproxy ?? '', '-db', '-q', '-f', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    cleanups.push(async () => {
      balancer.kill('SIGKILL');
      await balancer.exited;
    });
    /** Status and weight of the server, by HAProxy itself. */
    const seen = (): Promise<string> =>
      new Promise((resolve) => {
        let text = '';
        const parts = (): string => {
          const fields =
            text
              .split('\n')
              .find((each) => each.startsWith('live-by-agent,web1,'))
              ?.split(',') ?? [];
          return `${fields[17]?.split(' ')[0]} ${fields[18]}`;
        };
        Bun.connect({
          unix: socket,
          socket: {
            open: (opened) => void opened.write('show stat\n'),
            data: (_, chunk) => void (text += chunk.toString()),
            close: () => resolve(parts()),
            error: () => resolve('gone'),
          },
        }).catch(() => resolve('absent'));
      });
    const becomes = (expected: string): Promise<true> =>
      until(`HAProxy sees ${expected}`, async () => ((await seen()) === expected ? true : undefined));
    const post = (path: string): Promise<Response> => fetch(at(agent, path), { method: 'POST' });
    await becomes('UP 100');
    await post('/enable/standby');
    await becomes('DRAIN 100');
    await post('/enable/maintenance');
    await becomes('MAINT 100');
    await post('/enable/live');
    await becomes('UP 100');
    await post('/weight/25');
    await becomes('UP 25');
    await post('/weight/100');
    await becomes('UP 100');
  });
});
