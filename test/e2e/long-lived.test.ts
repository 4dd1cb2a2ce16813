import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import type { SpecInput } from '../../src/core/spec.ts';
import { House, until } from './house.ts';

setDefaultTimeout(90_000);

/** Echoes over WebSockets, streams events for ever, and answers; or with ECHO_TCP, echoes octets. */
const program = `
const name = process.env.CUTOVER_RELEASE;
const { HOST: hostname, PORT } = process.env;
const port = Number(PORT);
if (process.env.ECHO_TCP) Bun.listen({ hostname, port, socket: { data: (socket, bytes) => void socket.write(bytes) } });
else Bun.serve({
  hostname, port, idleTimeout: 0,
  fetch(request, server) {
    if (server.upgrade(request)) return undefined;
    if (!request.url.endsWith('/events')) return new Response(name);
    let timer;
    const events = new ReadableStream({
      start(controller) { timer = setInterval(() => controller.enqueue('data: tick\\n\\n'), 50); controller.enqueue('data: ' + name + '\\n\\n'); },
      cancel() { clearInterval(timer); },
    });
    return new Response(events, { headers: { 'content-type': 'text/event-stream' } });
  },
  websocket: { message: (socket, message) => void socket.send(name + message) },
});
`;

let house: House;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutover echo '));
  writeFileSync(join(folder, 'server.js'), program);
  house = await House.open();
});
afterAll(async () => {
  await house.close();
  rmSync(folder, { recursive: true });
});

const closeOverMs = 2000;
const echo =
  (more: Partial<SpecInput['strategy']> & object = {}, tcp = false) =>
  (spec: SpecInput): SpecInput => ({
    ...spec,
    router: { ...spec.router, ...(tcp && { protocol: 'tcp' as const }) },
    environments: {
      layers: {
        web: {
          command: [process.execPath, 'server.js'],
          ...(tcp ? { variables: { ECHO_TCP: '1' } } : {}),
          health: { tcp: true, interval: '20ms', startPeriod: '20s' },
          stop: { grace: '2s' },
        },
      },
    },
    strategy: { drain: '500ms', leftover: 'close', closeOver: `${closeOverMs}ms`, bake: '0', ...more },
    checks: [],
  });

interface Ended {
  readonly at: number;
  readonly code: number;
  readonly clean: boolean;
}

/** An open WebSocket that has been answered once, and how it ends. */
async function webSocket(): Promise<{ readonly socket: WebSocket; readonly ended: Promise<Ended> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${house.listen.port}/`);
  const ended = Promise.withResolvers<Ended>();
  socket.on('close', (code: number) => ended.resolve({ at: performance.now(), code, clean: code !== 1006 }));
  socket.on('error', (error: Error) => ended.reject(error));
  await new Promise((resolve) => socket.once('open', resolve));
  const answered = new Promise((resolve) => socket.once('message', resolve));
  socket.send('hello');
  await answered;
  return { socket, ended: ended.promise };
}

/** A stream of events that has begun, and when it breaks off. */
async function stream(): Promise<{ readonly broken: Promise<number> }> {
  const response = await fetch(`http://127.0.0.1:${house.listen.port}/events`);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  const untilBroken = async (): Promise<number> => {
    try {
      for (;;) if ((await reader.read()).done) throw new RangeError('the stream looked whole');
    } catch (error) {
      if (error instanceof RangeError) throw error;
      return performance.now();
    }
  };
  return { broken: untilBroken() };
}

const spread = (times: readonly number[]): number => Math.max(...times) - Math.min(...times);

test('200 WebSockets and 20 streams on the old side: all are told, over the span, counted, and nothing else fails', async () => {
  expect((await house.deployed(folder, echo())).status).toBe('succeeded');
  const sockets = await Promise.all(Array.from({ length: 200 }, webSocket));
  const streams = await Promise.all(Array.from({ length: 20 }, stream));
  await until('all are in flight', async () =>
    (await house.counters()).blue.inFlight >= 220 ? true : undefined,
  );
  const deploying = house.deployed(folder, echo());
  const ends = await Promise.all(sockets.map(({ ended }) => ended));
  const breaks = await Promise.all(streams.map(({ broken }) => broken));
  const { status, receipt, steps } = await deploying;
  expect(status).toBe('succeeded');
  expect(ends.filter(({ code }) => code === 1012)).toHaveLength(200);
  expect(spread(ends.map(({ at }) => at))).toBeGreaterThan(closeOverMs * 0.6);
  expect(breaks).toHaveLength(20);
  expect(receipt?.environments.blue.cut).toEqual({
    websockets: 200,
    tunnels: 0,
    streams: 20,
    requests: 0,
    connections: 0,
  });
  expect(receipt).toMatchObject({ failed: 0, leftAfterDrain: 0 });
  expect(steps.find(({ kind }) => kind === 'drain')?.says).toContain('200 websockets, 20 streams');
});

test('with leftover: keep they go on, and are told before their environment is stopped', async () => {
  const keep = echo({ leftover: 'keep' });
  const { live } = await house.service();
  const kept = await Promise.all(Array.from({ length: 10 }, webSocket));
  const { receipt } = await house.deployed(folder, keep);
  expect(receipt).toMatchObject({ leftAfterDrain: 10, failed: 0 });
  const answered = Promise.all(
    kept.map(({ socket }) => new Promise((resolve) => socket.once('message', resolve))),
  );
  for (const { socket } of kept) socket.send('still there');
  await answered;
  const deploying = house.deployed(folder, keep);
  expect((await Promise.all(kept.map(({ ended }) => ended))).every(({ code }) => code === 1012)).toBe(true);
  const { status, receipt: next } = await deploying;
  expect(status).toBe('succeeded');
  expect(next?.failed).toBe(0);
  expect((await house.service()).live).toBe(live);
});

test('a controller that dies while they are told ends the work, and nobody is told twice', async () => {
  const sockets = await Promise.all(Array.from({ length: 60 }, webSocket));
  const { id } = await house.deploy(folder, echo());
  await Promise.race(sockets.map(({ ended }) => ended));
  await house.kill();
  await house.start();
  const ends = await Promise.all(sockets.map(({ ended }) => ended));
  expect(ends.every(({ code }) => code === 1012)).toBe(true);
  const { status, receipt } = await house.settled(id);
  expect(status).toBe('succeeded');
  expect(receipt).toMatchObject({ failed: 0, leftAfterDrain: 0 });
});

test('connections of a service that is switched as TCP are closed over the span', async () => {
  expect((await house.deployed(folder, echo({}, true))).status).toBe('succeeded');
  const open = (): Promise<{ socket: Socket; ended: Promise<number> }> =>
    new Promise((resolve, reject) => {
      const socket = connect(house.listen.port, '127.0.0.1');
      const ended = new Promise<number>((end) => socket.once('close', () => end(performance.now())));
      socket.once('error', reject);
      socket.once('data', () => resolve({ socket, ended }));
      socket.once('connect', () => socket.write('hello'));
    });
  const before = (await house.counters())[(await house.service()).live ?? 'blue'].inFlight;
  const connections = await Promise.all(Array.from({ length: 30 }, open));
  const { live } = await house.service();
  expect((await house.counters())[live ?? 'blue'].inFlight - before).toBe(30);
  const deploying = house.deployed(folder, echo({}, true));
  const ends = await Promise.all(connections.map(({ ended }) => ended));
  const { status, receipt } = await deploying;
  expect(status).toBe('succeeded');
  expect(receipt?.environments[live ?? 'blue'].cut?.connections).toBe(30);
  expect(receipt?.failed).toBe(0);
  expect(spread(ends)).toBeGreaterThan(closeOverMs * 0.4);
});
