import { afterEach, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Agent, startAgent } from '../../agent/agent.ts';
import { createChecker } from '../../checks/index.ts';
import { systemClock } from '../../clocks/system.ts';
import { colours, type Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import { AgentsSettings } from '../../core/spec/agents.ts';
import type { Route } from '../../core/traffic.ts';
import { cutOf, colourAt, placeOfTurn } from '../../core/weights-line.ts';
import { routerSuite } from '../../testing/router.suite.ts';
import { TableRouter } from '../configured/table-router.ts';
import { AgentsPlace } from './agents-place.ts';
import { wantedRoles } from './roles.ts';

const token = 'a-token-of-the-agents-of-this-test';

/** Below those that the system gives out: whoever asks for any port does not get it meanwhile. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) =>
      server
        .once('error', () => resolve(false))
        .listen(port, '0.0.0.0', () => server.close(() => resolve(true))),
    );
    if (isFree) return port;
  }
}

/** An instance on an address of its own, with an agent beside it. */
class Machine {
  requests = 0;
  agent: Agent | undefined;
  readonly #server: Bun.Server<undefined>;

  constructor(
    private readonly folder: string,
    readonly host: string,
    readonly colour: Colour,
    private readonly port: number,
    private readonly agentPort: number,
  ) {
    this.#server = Bun.serve({
      ...{ hostname: host, port },
      fetch: () => {
        this.requests++;
        return new Response(colour);
      },
    });
  }

  async start(): Promise<void> {
    const folder = join(this.folder, this.host);
    mkdirSync(folder, { recursive: true });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.agent = await startAgent(
      {
        listen: { host: this.host, port: this.agentPort },
        socket: join(folder, 's'),
        state: join(folder, 'role.json'),
        initial: 'standby',
        tokenFile: join(this.folder, 'token'),
        agentCheck: { host: this.host, port: 0 },
        agentCheckStandby: undefined,
        instance: {
          address: { host: this.host, port: this.port },
          ...{ probe: { tcp: true }, intervalMs: 1000, timeoutMs: 2000, healthy: 1, unhealthy: 2 },
        },
        traffic: () => Promise.resolve({ inFlight: 0, requests: this.requests }),
        say: () => resolve(),
      },
      createChecker({ clock: systemClock }),
      systemClock,
    );
    await promise;
  }

  async stop(): Promise<void> {
    await this.agent?.close();
    this.agent = undefined;
  }

  async answers(path: '/live' | '/standby'): Promise<boolean> {
    if (!this.agent) return false;
    return (await fetch(`http://${this.host}:${this.agentPort}${path}`, { keepalive: false })).status === 200;
  }

  /** What HAProxy would be told: `ready up 25%`. */
  async weight(): Promise<number> {
    const { agentCheck } = this.agent ?? {};
    if (!agentCheck) return 0;
    let text = '';
    const { promise, resolve } = Promise.withResolvers<void>();
    await Bun.connect({
      ...{ hostname: agentCheck.host, port: agentCheck.port },
      socket: { data: (_, chunk) => void (text += chunk.toString()), close: () => resolve() },
    });
    await promise;
    return Number(/up (\d+)%/.exec(text)?.[1] ?? 0);
  }

  serve = async (): Promise<Colour> => {
    const text = await (await fetch(`http://${this.host}:${this.port}/`, { keepalive: false })).text();
    return text === 'blue' ? 'blue' : 'green';
  };

  async close(): Promise<void> {
    await this.stop();
    await this.#server.stop(true);
  }
}

/** Machines for so many services, two for each, and balancers that ask their agents before each request. */
class Yard {
  readonly folder = mkdtempSync(join(tmpdir(), 'cutover yard '));
  readonly pairs: Readonly<Record<Colour, Machine>>[] = [];
  readonly router: TableRouter;
  readonly #pairOf = new Map<string, number>();
  #turn = 0;

  private constructor(
    readonly port: number,
    agentPort: number,
    pairs: number,
    more: Partial<AgentsSettings>,
  ) {
    writeFileSync(join(this.folder, 'token'), token, { mode: 0o600 });
    for (let n = 0; n < pairs; n++) {
      const machine = (colour: Colour): Machine =>
        new Machine(this.folder, `127.77.${n}.${colour === 'blue' ? 1 : 2}`, colour, port, agentPort);
      this.pairs.push({ blue: machine('blue'), green: machine('green') });
    }
    this.router = this.controller('controller', { port: agentPort, ...more });
  }

  static async open(pairs: number, more: Partial<AgentsSettings> = {}): Promise<Yard> {
    const yard = new Yard(await freePort(), await freePort(), pairs, more);
    await Promise.all(yard.machines.map((machine) => machine.start()));
    return yard;
  }

  controller(name: string, more: Partial<AgentsSettings>): TableRouter {
    const settings = {
      ...AgentsSettings.parse({ poll: '20ms' }),
      tokenFile: join(this.folder, 'token'),
      ...more,
    };
    return new TableRouter(new AgentsPlace({ ...settings, directory: join(this.folder, name) }, systemClock));
  }

  get machines(): Machine[] {
    return this.pairs.flatMap((pair) => colours.map((colour) => pair[colour]));
  }

  /** Of the services that were spoken of last. */
  get used(): Machine[] {
    return [...this.#pairOf.keys()]
      .slice(-2)
      .flatMap((service) => colours.map((colour) => this.pair(service)[colour]));
  }

  pair(service: string): Readonly<Record<Colour, Machine>> {
    const at = this.#pairOf.get(service) ?? this.#pairOf.size;
    this.#pairOf.set(service, at);
    const pair = this.pairs[at];
    if (!pair) throw new Error(`there are only ${this.pairs.length} pairs`);
    return pair;
  }

  route(service: string, epoch: number): Route {
    const pair = this.pair(service);
    const side = (colour: Colour, release: number) => ({
      release,
      instances: [{ host: pair[colour].host, port: this.port }],
    });
    return {
      ...{ service, epoch, live: 'blue', previewHost: null },
      listen: { host: pair.blue.host, port: 80 },
      preview: { host: pair.blue.host, port: 81 },
      ...{ blue: side('blue', 1), green: side('green', 2) },
    };
  }

  /** What the balancer of users does with a request. */
  async request({ service }: Route): Promise<Colour | null> {
    const pair = this.pair(service);
    const [blue, green] = await Promise.all(
      colours.map(async (colour) => ((await pair[colour].answers('/live')) ? pair[colour].weight() : 0)),
    );
    const weights = { blue: blue ?? 0, green: green ?? 0 };
    if (weights.blue + weights.green === 0) return null;
    return pair[colourAt(placeOfTurn(++this.#turn), cutOf(weights))].serve();
  }

  async preview({ service }: Route): Promise<Colour | null> {
    const pair = this.pair(service);
    for (const colour of colours) if (await pair[colour].answers('/standby')) return pair[colour].serve();
    return null;
  }

  async close(): Promise<void> {
    for (const machine of this.machines) await machine.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

routerSuite('agents', async () => {
  const yard = await Yard.open(32, { weigh: true });
  return {
    router: yard.router,
    route: (service, epoch) => yard.route(service, epoch),
    request: (route) => yard.request(route),
    preview: (route) => yard.preview(route),
    async restart() {
      for (const machine of yard.used) await machine.stop();
      for (const machine of yard.used) await machine.start();
    },
    close: () => yard.close(),
  };
});

describe('agents as a router', () => {
  let yard: Yard;
  afterEach(() => yard.close());
  const codeOf = async (promise: Promise<unknown>): Promise<string> => {
    const found = await promise.catch((error: unknown) => error);
    return found instanceof CutoverError ? found.code : 'none';
  };
  const roles = (service = 'shop'): (string | undefined)[] =>
    colours.map((colour) => yard.pair(service)[colour].agent?.health.role().role);

  test('has both serve, or one, where balancers know no weights', async () => {
    yard = await Yard.open(1);
    expect(yard.router.capabilities).toMatchObject({ weights: false, bothServe: true });
    const route = yard.route('shop', 1);
    await yard.router.apply({ ...route, weights: { blue: 50, green: 50 } });
    expect(roles()).toEqual(['live', 'live']);
    const seen = new Set<Colour | null>();
    for (let n = 0; n < 4; n++) seen.add(await yard.request(route));
    expect(seen.size).toBe(2);
    await yard.router.apply({ ...route, epoch: 2 });
    expect(roles()).toEqual(['live', 'standby']);
    expect(await yard.preview(route)).toBe('green');
  });

  test('goes on without an agent that is away, and tells it when it is back', async () => {
    yard = await Yard.open(1);
    const route = yard.route('shop', 1);
    await yard.router.apply({ ...route, weights: { blue: 50, green: 50 } });
    const { green } = yard.pair('shop');
    await yard.router.counters('shop');
    await green.stop();
    await yard.router.apply({ ...route, epoch: 2 });
    // What it had in flight is not known, so it is not called finished.
    expect((await yard.router.counters('shop')).green.inFlight).toBe(1);
    await green.start();
    while (green.agent?.health.role().role !== 'standby') await Bun.sleep(10);
    expect((await yard.router.counters('shop')).green.inFlight).toBe(0);
    await yard.pair('shop').blue.stop();
    await green.stop();
    expect(await codeOf(yard.router.read('shop'))).toBe('router-absent');
    expect(await codeOf(yard.router.apply({ ...route, epoch: 3 }))).toBe('router-absent');
  });

  test('is refused by agents that a newer controller has told, and by those whose token it does not have', async () => {
    yard = await Yard.open(1);
    const route = yard.route('shop', 7);
    await yard.router.apply(route);
    const port = yard.pair('shop').blue.agent?.address?.port ?? 0;
    const late = yard.controller('late', { port });
    expect(await codeOf(late.apply({ ...route, epoch: 6, live: 'green' }))).toBe('stale-epoch');
    expect(roles()).toEqual(['live', 'standby']);
    writeFileSync(join(yard.folder, 'wrong'), 'not-the-token-of-these-agents');
    const stranger = yard.controller('stranger', { port, tokenFile: join(yard.folder, 'wrong') });
    expect(await codeOf(stranger.apply({ ...route, epoch: 9, live: 'green' }))).toBe('router-refused');
    expect(roles()).toEqual(['live', 'standby']);
    expect(await yard.router.read('shop')).toEqual(route);
  });

  test('sees that a person has changed a role, puts it right when told the route again, and leaves maintenance alone', async () => {
    yard = await Yard.open(1);
    const route = yard.route('shop', 4);
    await yard.router.apply(route);
    const { blue, green } = yard.pair('shop');
    green.agent?.health.enable('live');
    expect((await yard.router.read('shop'))?.epoch).toBe(3);
    expect(await yard.router.apply(route)).toMatchObject({ changed: true });
    expect(roles()).toEqual(['live', 'standby']);
    blue.agent?.health.enable('maintenance');
    expect(await yard.router.read('shop')).toEqual(route);
    expect(await codeOf(yard.router.apply({ ...route, epoch: 5, live: 'green' }))).toBe('none');
    expect(roles()).toEqual(['maintenance', 'live']);
  });

  test('says which balancer does not follow, and leaves what was in force', async () => {
    yard = await Yard.open(1, { poll: 30 });
    const route = { ...yard.route('shop', 1), preview: null };
    await yard.router.apply(route);
    const { blue } = yard.pair('shop');
    const noise = setInterval(() => blue.requests++, 5);
    try {
      const clock = { ...systemClock, monotonic: () => 50 * systemClock.monotonic() };
      const settings = { ...AgentsSettings.parse({ poll: '1s' }), port: blue.agent?.address?.port ?? 0 };
      const place = new AgentsPlace(
        { ...settings, tokenFile: join(yard.folder, 'token'), directory: join(yard.folder, 'controller') },
        { ...clock, sleep: (ms) => systemClock.sleep(ms / 50) },
      );
      const error: unknown = await new TableRouter(place)
        .apply({ ...route, epoch: 2, live: 'green' })
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'router-refused',
        message: expect.stringContaining(`expected no new request at ${blue.host}`) as string,
      });
    } finally {
      clearInterval(noise);
    }
    expect(roles()).toEqual(['live', 'standby']);
  });
});

test('each side gets its part by the weights of its agents, however many it has', () => {
  const side = (hosts: string[]) => ({ release: 1, instances: hosts.map((host) => ({ host, port: 1 })) });
  const route: Route = {
    ...{ service: 'shop', epoch: 1, live: 'blue', preview: null, previewHost: null },
    listen: { host: '127.0.0.1', port: 80 },
    weights: { blue: 3, green: 1 },
    // Two instances on one host have one agent.
    ...{ blue: side(['a', 'b', 'b']), green: side(['c']) },
  };
  expect(wantedRoles(route).map(({ host, role, weight }) => `${host} ${role} ${weight}`)).toEqual([
    ...['a live 100', 'b live 100', 'c live 67'],
  ]);
});
