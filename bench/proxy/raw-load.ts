// The loads that wrk cannot make, in a process of their own: `raw-load.ts KIND HOST PORT NUMBER …`. Prints one line of JSON.
//   echo CONNECTIONS SECONDS          WebSockets, each with one message under way: {requests, requestsPerSecond, p99Ms}
//   idle CONNECTIONS                  keep-alive connections after one request each: {idle}, then stays until it is ended
//   samples CONNECTIONS SECONDS RATE  GETs; RATE 0: each as soon as the last is answered, else so many a second, whether
//                                     answered or not: {at: [ms since 1970, when answered], ms: [latency]}
import type { Socket } from 'bun';
import { quantile } from './result.ts';
import { echoedFrame, frame, upgradeRequest } from './websocket.ts';

const [kind, hostname = '', port = '', ...numbers] = process.argv.slice(2);
const [connections = 1, seconds = 1, rate = 0] = numbers.map(Number);
const host = `${hostname}:${port}`;
const request = Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);

function broken(why: string): never {
  console.error(`load on ${host}: ${why}`);
  process.exit(1);
}

/** In place of a number of bytes to expect. */
const byLength = 0;
const upgraded = -1;

/** One connection with at most one exchange under way. */
class Wire {
  startedAt = 0;
  whole: (() => void) | null = null;
  private socket: Socket<Wire> | null = null;
  private left = 0;

  static async open(): Promise<Wire> {
    const wire = new Wire();
    wire.socket = await Bun.connect<Wire>({
      hostname,
      port: Number(port),
      data: wire,
      socket: {
        data: (socket, bytes) => socket.data.take(bytes),
        close: () => broken('a connection was closed'),
        error: (_socket, error) => broken(String(error)),
      },
    });
    return wire;
  }

  /** Sends; `whole` is called when `expected` bytes have come; `byLength`: when a response is whole; `upgraded`: a 101. */
  ask(bytes: Buffer, expected: number, startedAt: number): void {
    this.left = expected;
    this.startedAt = startedAt;
    if (this.socket?.write(bytes) !== bytes.length) broken('a small message was not taken whole');
  }

  private take(bytes: Buffer): void {
    if (this.left === byLength) this.left = wholeLength(bytes);
    else if (this.left === upgraded) this.left = upgradedLength(bytes);
    this.left -= bytes.length;
    if (this.left < 0) broken('more came than was asked for');
    if (this.left === 0) this.whole?.();
  }
}

let known = 0;
function wholeLength(bytes: Buffer): number {
  // All answers of one peer are of one length, until one says otherwise.
  if (bytes.length === known) return known;
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  if (end < 0 || !text.startsWith('HTTP/1.1 200') || length === undefined)
    broken(`an answer that is not 200 with a length: ${text.slice(0, 200)}`);
  return (known = end + 4 + Number(length));
}

function upgradedLength(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  if (!text.startsWith('HTTP/1.1 101') || !text.endsWith('\r\n\r\n'))
    broken(`an answer that is not 101: ${text.slice(0, 200)}`);
  return bytes.length;
}

/** Opens all, a few at a time; each has had one whole answer to `first`. `expected` as for `Wire.ask`. */
async function openAll(first: Buffer, expected: number): Promise<Wire[]> {
  const wires: Wire[] = [];
  const one = async (): Promise<void> => {
    const wire = await Wire.open();
    const { promise, resolve } = Promise.withResolvers<void>();
    wire.whole = resolve;
    wire.ask(first, expected, 0);
    await promise;
    wires.push(wire);
  };
  while (wires.length < connections)
    await Promise.all(Array.from({ length: Math.min(100, connections - wires.length) }, one));
  return wires;
}

async function echo(): Promise<void> {
  // What stands between may add fields to the answer, so it ends where its head ends.
  const wires = await openAll(upgradeRequest(host), upgraded);
  const latencies: number[] = [];
  for (const wire of wires)
    wire.whole = () => {
      const now = performance.now();
      latencies.push(now - wire.startedAt);
      wire.ask(frame, echoedFrame.length, now);
    };
  const began = performance.now();
  for (const wire of wires) wire.ask(frame, echoedFrame.length, performance.now());
  await Bun.sleep(seconds * 1000);
  const elapsed = (performance.now() - began) / 1000;
  const result = {
    requests: latencies.length,
    requestsPerSecond: latencies.length / elapsed,
    p99Ms: quantile(Float64Array.from(latencies), 0.99),
  };
  console.log(JSON.stringify(result));
}

async function idle(): Promise<void> {
  const wires = await openAll(request, byLength);
  console.log(JSON.stringify({ idle: wires.length }));
  await new Promise(() => undefined);
}

async function samples(): Promise<void> {
  const wires = await openAll(request, byLength);
  const at: number[] = [];
  const ms: number[] = [];
  const free: Wire[] = [];
  const waiting: number[] = [];
  for (const wire of wires)
    wire.whole = () => {
      const now = performance.now();
      at.push(performance.timeOrigin + now);
      ms.push(now - wire.startedAt);
      if (rate === 0) return wire.ask(request, byLength, now);
      const due = waiting.shift();
      if (due === undefined) free.push(wire);
      else wire.ask(request, byLength, due);
    };
  const began = performance.now();
  if (rate === 0) for (const wire of wires) wire.ask(request, byLength, performance.now());
  else {
    free.push(...wires);
    let sent = 0;
    setInterval(() => {
      const now = performance.now();
      for (; sent < ((now - began) / 1000) * rate; sent++) {
        const wire = free.pop();
        if (wire) wire.ask(request, byLength, now);
        else waiting.push(now);
      }
    }, 1);
  }
  await Bun.sleep(seconds * 1000);
  console.log(JSON.stringify({ at, ms }));
}

switch (kind) {
  case 'echo':
    await echo();
    break;
  case 'idle':
    await idle();
    break;
  case 'samples':
    await samples();
    break;
  default:
    broken(`there is no load "${kind}"`);
}
process.exit(0);
