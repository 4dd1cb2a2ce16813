import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Address } from '../../src/core/address.ts';
import { connectWire, type Wire } from '../../src/proxy/worker/rig.fixture.ts';
import type { Running } from '../proxy/running.ts';
import { OurProxy } from './our-proxy.ts';
import { Faults, type Score, type ScoreRow } from './row.ts';
import { type WebSocketCase, webSocketCases } from './websocket-cases.ts';

const leastCases = 250;
const tunnels = 50;
const drainMs = 3000;
/** How far from the deadline a tunnel may end: the sweep of timers, a busy machine. */
const earlyMs = 50;
const lateMs = 2500;

async function startEcho(running: Running): Promise<Address> {
  const node = Bun.which('node');
  if (node === null) throw new Error('row 3 needs Node: apt-get install nodejs');
  const child = Bun.spawn([node, join(import.meta.dir, 'echo-server.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  running.add(async () => {
    await child.stdin.end();
    await child.exited;
  });
  for await (const chunk of child.stdout)
    return { host: '127.0.0.1', port: Number(Buffer.from(chunk).toString()) };
  throw new Error('the echoing server did not start');
}

function handshake(fields: readonly string[]): string {
  const named = new Set(fields.map((field) => field.slice(0, field.indexOf(':')).toLowerCase()));
  const usual = [
    'Host: score.example',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ].filter((field) => !named.has(field.slice(0, field.indexOf(':')).toLowerCase()));
  return ['GET / HTTP/1.1', ...usual, ...fields, '', ''].join('\r\n');
}

/** What a server made of a conversation, as far as a client can tell. */
interface Heard {
  readonly status: number;
  /** The fields of the handshake's answer that belong to WebSocket. */
  readonly fields: readonly string[];
  readonly bytes: number;
  readonly digest: string;
  readonly over: boolean;
}

async function converse(to: Address, { fields, sent }: WebSocketCase): Promise<Heard> {
  const wire = await connectWire(to);
  try {
    wire.send(handshake(fields));
    await wire.until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'an answer');
    const end = wire.text.indexOf('\r\n\r\n') + 4;
    const head = wire.text.slice(0, end);
    const status = Number(head.slice(9, 12));
    if (status === 101)
      for (const [index, part] of sent.entries()) {
        if (wire.closed) break;
        wire.send(part);
        // Pieces are to come as pieces: each is on its way before the next.
        if (sent.length > 1 && (index & 15) === 0) await Bun.sleep(0);
      }
    // Of a refused handshake only the answer counts: whose connection then stays is between each two neighbours.
    if (status === 101) await wire.until(() => wire.closed || wire.ended, 'the end').catch(() => undefined);
    const rest = status === 101 ? wire.received.subarray(end) : Buffer.alloc(0);
    return {
      status,
      fields: head
        .split('\r\n')
        .filter((line) => /^(sec-websocket-|upgrade:)/i.test(line))
        .map((line) => line.toLowerCase())
        .sort(),
      bytes: rest.length,
      digest: createHash('sha256').update(rest).digest('hex'),
      over: status !== 101 || wire.closed || wire.ended,
    };
  } finally {
    if (!wire.closed) wire.abort();
  }
}

/** A tunnel that speaks every 50 ms and knows how long it lived and whether all came back. */
class Speaking {
  lost = 0;
  endedAt: number | null = null;
  private said = 0;
  private constructor(private readonly wire: Wire) {}

  static async open(to: Address): Promise<Speaking> {
    const wire = await connectWire(to);
    wire.send(handshake([]));
    await wire.has('\r\n\r\n');
    wire.take();
    return new Speaking(wire);
  }

  /** Speaks until it is ended. A message to which the end comes first is no loss. */
  async speak(): Promise<void> {
    const { wire } = this;
    while (!wire.closed && !wire.ended) {
      const word = String(this.said++).padStart(8, '0');
      const masked = Buffer.from([0x81, 0x88, 0, 0, 0, 0, ...Buffer.from(word)]);
      wire.send(masked);
      await wire
        .until(() => wire.closed || wire.ended || wire.received.length >= 10, 'an echo')
        .catch(() => this.lost++);
      if (wire.received.length >= 10 && wire.take().slice(2, 10) !== word) this.lost++;
      await Bun.sleep(50);
    }
    this.endedAt ??= performance.now();
    if (!wire.closed) wire.abort();
  }
}

/** Row 3: a WebSocket cannot tell whether the proxy is there, and each tunnel lives until the deadline of a drain. */
export const webSockets: ScoreRow = {
  row: 3,
  goal: 'WebSocket through the proxy behaves as without it; each tunnel lives to the drain deadline',
  usualMinutes: 3,
  async run(running): Promise<Score> {
    const echo = await startEcho(running);
    const proxy = await OurProxy.start(running);
    await proxy.route('blue', { blue: [echo], green: [] });
    const faults = new Faults();
    const cases = webSocketCases();
    let [same, open] = [0, 0];
    let next = 0;
    const client = async (): Promise<void> => {
      for (let one = cases[next++]; one && !running.signal.aborted; one = cases[next++]) {
        const [direct, proxied] = [await converse(echo, one), await converse(proxy.listen, one)];
        if (!direct.over) open++;
        if (Bun.deepEquals(direct, proxied)) same++;
        else
          faults.add(`${one.name}: directly ${JSON.stringify(direct)}, proxied ${JSON.stringify(proxied)}`);
      }
    };
    await Promise.all(Array.from({ length: 4 }, client));

    const speaking = await Promise.all(Array.from({ length: tunnels }, () => Speaking.open(proxy.listen)));
    const spoken = speaking.map((tunnel) => tunnel.speak());
    await Bun.sleep(500);
    // A switch ends no tunnel: they go on where they began.
    await proxy.route('green', { blue: [echo], green: [echo] });
    await Bun.sleep(500);
    const afterSwitch = speaking.filter(({ endedAt }) => endedAt === null).length;
    if (afterSwitch < tunnels) faults.add(`${tunnels - afterSwitch} tunnels ended with a switch`);
    const asked = performance.now();
    await proxy.drain(drainMs);
    await Promise.all(spoken);
    const lived = speaking.map(({ endedAt }) => (endedAt ?? Infinity) - asked);
    const [shortest, longest] = [Math.min(...lived), Math.max(...lived)];
    const lost = speaking.reduce((sum, tunnel) => sum + tunnel.lost, 0);
    if (shortest < drainMs - earlyMs)
      faults.add(`a tunnel ended ${Math.round(shortest)} ms after the drain began, expected ${drainMs}`);
    if (longest > drainMs + lateMs)
      faults.add(`a tunnel ended only ${Math.round(longest)} ms after the drain began`);
    if (lost > 0) faults.add(`${lost} messages were lost in tunnels that were open`);
    return {
      measured: {
        cases: cases.length,
        same,
        different: cases.length - same,
        'left open by the server itself': open,
        tunnels,
        'shortest life, ms': Math.round(shortest),
        'longest life, ms': Math.round(longest),
        'drain deadline, ms': drainMs,
        'messages lost': lost,
      },
      held: faults.count === 0,
      void: cases.length < leastCases ? `${cases.length} cases, expected ${leastCases} at least` : null,
      examples: faults.examples,
    };
  },
};
