// What our code costs for a request, apart from kernel and sockets: the data plane's handlers are called as Bun would call them, with
// sockets that take everything at once. Hardly depends on what else the machine does, so that a few nanoseconds show.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Route } from '../../src/core/traffic.ts';
import { createDataPlane } from '../../src/proxy/worker/data-plane.ts';
import { effortOf, out, untilSignal } from './bench.ts';
import { barOf, type CaseResult } from './result.ts';

const connections = 64;
const many = 10_000;
const limit = 1.1;

/** As much of a Bun socket as the data plane uses. */
class MutedSocket {
  data: unknown;
  readonly remoteAddress = '127.0.0.1';
  write(_bytes: Uint8Array, _from: number, length: number): number {
    return length;
  }
  pause(): void {}
  resume(): void {}
  shutdown(): void {}
  end(): void {}
  terminate(): void {}
  setKeepAlive(): void {}
}

type Handler = (socket: MutedSocket, bytes?: Uint8Array) => void;
const isHandler = (value: unknown): value is Handler => typeof value === 'function';

/** What was given to `Bun.listen` or `Bun.connect`, looked at: it is called directly, since a call more would show. */
function handlerOf(options: unknown, name: 'open' | 'data' | 'close'): Handler {
  const handlers: unknown = typeof options === 'object' && options !== null && Reflect.get(options, 'socket');
  const handler: unknown = typeof handlers === 'object' && handlers !== null && Reflect.get(handlers, name);
  if (!isHandler(handler)) throw new Error(`the data plane has no handler "${name}"`);
  return handler;
}

/** The data plane with nobody at either end. */
class MutedPlane {
  private upstream: MutedSocket | undefined;
  private fromUpstream: Handler | undefined;
  private readonly opened: Handler;
  private readonly fromClient: Handler;
  private readonly closed: Handler;

  constructor(hosts: readonly string[]) {
    let listening: unknown;
    const { listen, connect } = Bun;
    Reflect.set(Bun, 'listen', (options: unknown) => {
      listening = options;
      return { stop: () => undefined };
    });
    Reflect.set(Bun, 'connect', (options: unknown) => {
      const socket = new MutedSocket();
      if (typeof options === 'object' && options !== null) socket.data = Reflect.get(options, 'data');
      this.upstream = socket;
      this.fromUpstream = handlerOf(options, 'data');
      queueMicrotask(() => handlerOf(options, 'open')(socket));
      return Promise.resolve(socket);
    });
    this.restore = () => {
      Reflect.set(Bun, 'listen', listen);
      Reflect.set(Bun, 'connect', connect);
    };
    const address = { host: '127.0.0.1', port: 1 };
    const side = { release: 1, instances: [{ host: '127.0.0.1', port: 2 }] };
    const plane = createDataPlane();
    const route = Route.parse({
      service: 'bench',
      epoch: 1,
      live: 'blue',
      listen: address,
      preview: null,
      previewHost: null,
      blue: side,
      green: side,
      ...(hosts.length > 0 ? { hosts } : {}),
    });
    plane.swap({ version: 1, routes: [route] });
    plane.listen([{ address, fd: -1 }]);
    this.opened = handlerOf(listening, 'open');
    this.fromClient = handlerOf(listening, 'data');
    this.closed = handlerOf(listening, 'close');
  }
  /** Gives Bun its functions back. */
  readonly restore: () => void;

  open(): MutedSocket {
    const socket = new MutedSocket();
    this.opened(socket);
    return socket;
  }
  /** Makes the one connection to the instance. */
  async first(request: Uint8Array): Promise<void> {
    this.fromClient(this.open(), request);
    await Bun.sleep(1);
    this.answer();
  }
  exchange(client: MutedSocket, request: Uint8Array): void {
    this.fromClient(client, request);
    this.answer();
  }
  close(client: MutedSocket): void {
    this.closed(client);
  }
  private answer(): void {
    if (!this.upstream || !this.fromUpstream) throw new Error('nothing was sent to the instance');
    this.fromUpstream(this.upstream, answer);
  }
}

const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n${'x'.repeat(1024)}`,
);
const requestTo = (host: string): Uint8Array => Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
const named = Array.from({ length: many }, (_, i) => `host-${i}.example.com`);

/** The least time of all rounds, in µs for each call: what disturbs only ever adds. */
function least(rounds: number, calls: number, call: (index: number) => void): number {
  let least = Infinity;
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    for (let index = 0; index < calls; index++) call(index);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / calls);
  }
  return least;
}

async function kept(rounds: number, hosts: readonly string[], asked: readonly string[]): Promise<number> {
  const plane = new MutedPlane(hosts);
  try {
    const requests = asked.map(requestTo);
    await plane.first(requests[0]!);
    const clients = Array.from({ length: connections }, () => plane.open());
    return least(rounds, 300_000, (index) =>
      plane.exchange(clients[index % connections]!, requests[index % requests.length]!),
    );
  } finally {
    plane.restore();
  }
}

async function fresh(rounds: number): Promise<number> {
  const plane = new MutedPlane([]);
  try {
    const request = requestTo('127.0.0.1');
    await plane.first(request);
    return least(rounds, 100_000, () => {
      const client = plane.open();
      plane.exchange(client, request);
      plane.close(client);
    });
  } finally {
    plane.restore();
  }
}

/**
 * Our own code for a request, in processor time.
 *
 * @returns the exit code
 */
export async function benchOwnCode(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string', default: '12' } } });
  const effort = effortOf({ rounds: values.rounds, seconds: '1' });
  if (!effort) return 2;
  const { rounds } = effort;
  return untilSignal(async (signal) => {
    const rows: CaseResult['rows'][number][] = [];
    const measure = async (peer: string, run: () => Promise<number>): Promise<number> => {
      signal.throwIfAborted();
      const cpuUsPerRequest = await run();
      rows.push({ peer, cpuUsPerRequest, requestsPerSecond: null, p99Ms: null });
      return cpuUsPerRequest;
    };
    const last = named.slice(-1);
    await measure('kept connection', () => kept(rounds, [], ['127.0.0.1']));
    await measure('new connection', () => fresh(rounds));
    const one = await measure('one host', () => kept(rounds, last, last));
    const all = await measure('one of 10,000 hosts', () => kept(rounds, named, last));
    await measure('10,000 hosts in turn', () => kept(rounds, named, named));
    const bars = [barOf('one host', all, one, limit)];
    console.log('\nour own code for a request, without kernel and sockets; the least of all rounds');
    for (const { peer, cpuUsPerRequest } of rows)
      console.log(`${peer.padEnd(22)}${(cpuUsPerRequest ?? NaN).toFixed(3).padStart(8)} µs`);
    const result: CaseResult = { name: 'our own code for a request', rows, bars };
    writeFileSync(join(out, 'own-code.json'), `${JSON.stringify({ cases: [result] }, null, 2)}\n`);
  });
}
