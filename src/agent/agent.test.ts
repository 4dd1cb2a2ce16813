import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChecker } from '../checks/index.ts';
import { systemClock } from '../clocks/system.ts';
import { type Agent, type AgentOptions, startAgent } from './agent.ts';
import { parseCheckText } from './check-text.ts';

const anyPort = { host: '127.0.0.1', port: 0 };
const token = 'a-token-of-24-characters';

let folder: string;
let well: boolean;
let instance: Bun.Server<undefined>;
let agents: Agent[];
let said: string[];
let hear: () => void;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover agent '));
  mkdirSync(join(folder, 'agent'));
  well = true;
  agents = [];
  said = [];
  hear = () => undefined;
  instance = Bun.serve({ ...hostname, fetch: () => new Response('', { status: well ? 200 : 503 }) });
});
const hostname = { hostname: '127.0.0.1', port: 0 } as const;
afterEach(async () => {
  for (const agent of agents) await agent.close();
  await instance.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

async function begin(over: Partial<AgentOptions> = {}): Promise<Agent> {
  const agent = await startAgent(
    {
      listen: anyPort,
      socket: join(folder, 'agent/agent.sock'),
      state: join(folder, 'role.json'),
      initial: 'live',
      tokenFile: undefined,
      agentCheck: anyPort,
      agentCheckStandby: anyPort,
      instance: {
        address: { host: '127.0.0.1', port: instance.port ?? 0 },
        probe: parseCheckText('http:/healthz') ?? { tcp: true },
        intervalMs: 5,
        timeoutMs: 2000,
        healthy: 1,
        unhealthy: 2,
      },
      say: (text) => {
        said.push(text);
        hear();
      },
      ...over,
    },
    createChecker({ clock: systemClock }),
    systemClock,
  );
  agents.push(agent);
  return agent;
}

/** Resolves when the agent says that the instance is so. */
const becomes = (condition: string): Promise<void> =>
  new Promise((resolve) => {
    hear = () => {
      if (said.at(-1)?.includes(`is ${condition}:`)) resolve();
    };
    hear();
  });

const url = ({ address }: Agent, path: string): string => `http://127.0.0.1:${address?.port}${path}`;
const statuses = async (agent: Agent): Promise<number[]> =>
  Promise.all(['/live', '/standby', '/health'].map(async (path) => (await fetch(url(agent, path))).status));
const post = (agent: Agent, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url(agent, path), { method: 'POST', headers });

/** What is said on a connection, until it is closed. */
const line = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });

describe('an agent', () => {
  test('answers 500 to both until its instance is healthy, and again when it is not', async () => {
    well = false;
    const agent = await begin();
    expect(await statuses(agent)).toEqual([500, 500, 500]);
    expect(await (await fetch(url(agent, '/live'))).text()).toBe('not live: starting\n');
    well = true;
    await becomes('healthy');
    expect(await statuses(agent)).toEqual([200, 500, 200]);
    well = false;
    await becomes('unhealthy');
    expect(await statuses(agent)).toEqual([500, 500, 500]);
    expect(await (await fetch(url(agent, '/health'))).json()).toMatchObject({
      protocol: 1,
      role: 'live',
      condition: 'unhealthy',
      detail: expect.stringContaining('expected status 2xx, found 503') as string,
    });
  });

  test('changes sides when it is told so, and keeps to it after a restart', async () => {
    const agent = await begin();
    await becomes('healthy');
    expect((await post(agent, '/enable/standby')).status).toBe(200);
    expect(await statuses(agent)).toEqual([500, 200, 200]);
    expect((await post(agent, '/weight/40')).status).toBe(200);
    await agent.close();
    agents = [];
    said = [];
    const next = await begin();
    await becomes('healthy');
    expect(await statuses(next)).toEqual([500, 200, 200]);
    expect((await post(next, '/enable/maintenance')).status).toBe(200);
    expect(await statuses(next)).toEqual([500, 500, 200]);
    expect(next.health.role()).toMatchObject({ role: 'maintenance', weight: 40 });
  });

  test('tells HAProxy of each side in its own words', async () => {
    const agent = await begin();
    await becomes('healthy');
    const words = async (): Promise<string[]> => [
      await line(agent.agentCheck?.port ?? 0),
      await line(agent.agentCheckStandby?.port ?? 0),
    ];
    expect(await words()).toEqual(['ready up 100%\n', 'drain\n']);
    await post(agent, '/weight/25');
    await post(agent, '/enable/standby');
    expect(await words()).toEqual(['drain\n', 'ready up 25%\n']);
    well = false;
    await becomes('unhealthy');
    expect(await words()).toEqual(['drain\n', 'ready down#unhealthy\n']);
    writeFileSync(join(folder, 'role.json'), 'damaged');
    expect((await words())[0]).toStartWith('down#');
  });

  test('obeys only who has the token, or comes through its socket, which is its owner’s', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
    const agent = await begin({ tokenFile });
    await becomes('healthy');
    const without = await post(agent, '/enable/standby');
    expect([without.status, without.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect((await post(agent, '/enable/standby', { authorization: 'Bearer wrong' })).status).toBe(401);
    expect(await statuses(agent)).toEqual([200, 500, 200]);
    expect(await (await fetch(url(agent, '/health'))).json()).not.toHaveProperty('detail');
    expect((await post(agent, '/enable/standby', { authorization: `Bearer ${token}` })).status).toBe(200);
    expect(await statuses(agent)).toEqual([500, 200, 200]);
    const unix = join(folder, 'agent/agent.sock');
    expect(statSync(unix).mode & 0o777).toBe(0o600);
    const local = await fetch('http://agent/enable/live', { unix, method: 'POST' });
    expect(local.status).toBe(200);
    expect(await statuses(agent)).toEqual([200, 500, 200]);
    expect(readFileSync(join(folder, 'role.json'), 'utf8')).not.toContain(token);
  });

  test('shows nobody the way when the file of its role is damaged under it, and does not start with it', async () => {
    const agent = await begin();
    await becomes('healthy');
    writeFileSync(join(folder, 'role.json'), '{"format":1,"role":"li');
    expect(await statuses(agent)).toEqual([500, 500, 500]);
    await agent.close();
    agents = [];
    expect(await begin().catch((error: unknown) => error)).toMatchObject({
      code: 'state-damaged',
      message: expect.stringContaining('role.json') as string,
    });
  });

  test('is the only one of its home', async () => {
    await begin();
    expect(await begin({ agentCheck: undefined }).catch((error: unknown) => error)).toMatchObject({
      code: 'agent-running',
    });
  });

  test('says what it cannot listen on, and leaves nothing behind', async () => {
    const port = instance.port ?? 0;
    expect(
      await begin({ agentCheck: { host: '127.0.0.1', port } }).catch((error: unknown) => error),
    ).toMatchObject({
      code: 'address-in-use',
      message: expect.stringContaining(`--agent-check: expected to listen on 127.0.0.1:${port}`) as string,
    });
    await begin();
  });

  test('takes no token that everybody on the machine can read', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, token);
    chmodSync(tokenFile, 0o644);
    expect(await begin({ tokenFile }).catch((error: unknown) => error)).toMatchObject({
      code: 'usage',
      message: expect.stringContaining('found mode 644') as string,
    });
  });

  test('says what is in flight only where that is counted', async () => {
    const blind = await begin();
    expect((await fetch(url(blind, '/in-flight'))).status).toBe(404);
    await blind.close();
    agents = [];
    const seeing = await begin({ traffic: () => Promise.resolve({ inFlight: 3, requests: 40 }) });
    expect(await (await fetch(url(seeing, '/in-flight'))).json()).toEqual({ inFlight: 3, requests: 40 });
  });
});

test.each([
  ['tcp', { tcp: true }],
  ['http:/healthz', { http: { path: '/healthz', method: 'GET', status: '2xx' } }],
  ['/', { http: { path: '/' } }],
  ['http://web1/healthz', undefined],
  ['udp', undefined],
  ['http:/a b', undefined],
])('the check %p is read', (text, probe) => {
  if (probe === undefined) expect(parseCheckText(text)).toBeUndefined();
  else expect(parseCheckText(text)).toMatchObject(probe);
});

describe('an agent that is told by controllers', () => {
  const order = (agent: Agent, path: string, epoch: string): Promise<Response> =>
    post(agent, path, { 'cutover-epoch': epoch });

  test('obeys the newest, also after a restart, and says which that was', async () => {
    const agent = await begin();
    await becomes('healthy');
    expect((await order(agent, '/enable/standby', '7')).status).toBe(200);
    expect((await order(agent, '/enable/live', '6')).status).toBe(409);
    expect((await order(agent, '/weight/10', '6')).status).toBe(409);
    expect((await order(agent, '/enable/live', 'seven')).status).toBe(400);
    expect(await statuses(agent)).toEqual([500, 200, 200]);
    await agent.close();
    agents = [];
    said = [];
    const next = await begin();
    await becomes('healthy');
    expect((await order(next, '/enable/live', '6')).status).toBe(409);
    expect(await (await fetch(url(next, '/health'))).json()).toMatchObject({ role: 'standby', epoch: 7 });
    // A person needs no epoch.
    expect((await post(next, '/enable/live')).status).toBe(200);
    expect((await order(next, '/enable/standby', '7')).status).toBe(200);
  });
});
