import { METHODS } from 'node:http';
import { join } from 'node:path';
import { z } from 'zod';
import { bodyCorpus, requestCorpus } from '../../src/proxy/http1/request-head.corpus.ts';
import { connectWire } from '../../src/proxy/worker/rig.fixture.ts';
import { Random } from '../../src/testing/load/random.ts';
import type { Running } from '../proxy/running.ts';
import { OurProxy } from './our-proxy.ts';
import { Faults, type Score, type ScoreRow, Until } from './row.ts';
import { readStrictly } from './strict-reader.ts';

const Said = z.union([
  z.strictObject({ port: z.int() }),
  z.strictObject({
    raw: z.string(),
    requests: z.array(
      z.strictObject({ method: z.string(), target: z.string(), bytes: z.int(), whole: z.boolean() }),
    ),
    error: z.string().nullable(),
    upgraded: z.boolean(),
  }),
]);
type Connection = Extract<z.infer<typeof Said>, { raw: string }>;

const leastPerSecond = 50;
const clients = 12;
/** How long an answer is waited for; most of what is sent is refused at once, the rest of it waits for more. */
const patienceMs = 150;

/** What splits readers: octets that some take for an end, a blank or nothing, and fields that frame. */
const octets = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  '\t',
  ' ',
  '\x0b',
  '\x0c',
  '\x85',
  '\xa0',
  ':',
  ';',
  ',',
  '_',
  '-',
  '+',
  '0',
  '"',
  '\\',
  '\x7f',
  '\xff',
  '#',
  '%',
];
const lines = [
  'Content-Length: 5',
  'Content-Length: 0',
  'Content-Length: 5, 5',
  'Content-Length: +5',
  'Content-Length: 0x5',
  'Content-Length : 5',
  'Content_Length: 5',
  'content-length: 6',
  'Content-Length:\t5',
  'Content-Length: 5\r',
  'Content-Length: 18446744073709551621',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding: \x0bchunked',
  'Transfer_Encoding: chunked',
  'transfer-encoding: CHUNKED',
  'Transfer-Encoding:\r\n chunked',
  'X: y\r\n folded',
  'Host: b',
  'Host : b',
  'Host: a b',
  'Connection: close',
  'Connection: keep-alive, Content-Length',
  'Connection: Transfer-Encoding',
  'Connection: Host',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'TE: trailers',
  'Trailer: Content-Length',
  'X-Forwarded-For: 1.1.1.1',
  'X_Forwarded_For: 1.1.1.1',
  ': empty',
  'X\0Y: z',
  'GET /smuggled HTTP/1.1',
];
const bodies = [
  '',
  'abcde',
  '0\r\n\r\n',
  '5\r\nabcde\r\n0\r\n\r\n',
  '5;x="\n"\r\nabcde\r\n0\r\n\r\n',
  '1\r\nZ\r\nQ\r\n\r\n',
  '0\r\nX: 1\r\n\r\n',
  '0\r\nContent-Length: 9\r\n\r\n',
  '0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
  '5\r\nabcde\n0\r\n\r\n',
  '00005\r\nabcde\r\n0\r\n\r\n',
];

function mutated(text: string, random: Random): string {
  let made = text;
  for (let n = random.between(1, 3); n > 0; n--) {
    const at = random.between(0, made.length);
    switch (random.between(0, 5)) {
      case 0:
        made = made.slice(0, at) + random.pick(octets) + made.slice(at);
        break;
      case 1:
        made = made.slice(0, at) + made.slice(at + random.between(1, 2));
        break;
      case 2:
        made = made.slice(0, at) + random.pick(octets) + made.slice(at + 1);
        break;
      case 3: {
        // A line of its own, after one that ends in order.
        const ends = [...made.matchAll(/\r\n/g)].map(({ index }) => index);
        const end = ends.length === 0 ? at : random.pick(ends);
        made = `${made.slice(0, end)}\r\n${random.pick(lines)}${made.slice(end)}`;
        break;
      }
      case 4: {
        const all = made.split('\r\n');
        const which = random.between(0, all.length - 1);
        all.splice(random.between(0, all.length), 0, all[which] ?? '');
        made = all.join('\r\n');
        break;
      }
      default: {
        const end = made.indexOf('\r\n\r\n');
        if (end !== -1) made = made.slice(0, end + 4) + random.pick(bodies);
      }
    }
  }
  return made;
}

const seeds: readonly string[] = [
  ...requestCorpus.map(({ bytes }) => bytes),
  ...bodyCorpus.map(
    ({ body }) => `POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
  ),
  ...bodies.map((body) => `POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n${body}`),
  ...bodies.map((body) => `POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`),
  ...lines.map((line) => `POST /x HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\nabcde`),
  ...lines.map((line) => `POST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n${line}\r\n\r\nabcde`),
  ...lines.map(
    (line) =>
      `POST /z HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n${line}\r\n\r\n5\r\nabcde\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`,
  ),
];

/** Starts the origin in Node; `connections` has each connection when it has ended. */
async function startOrigin(
  running: Running,
  hear: (connection: Connection) => void,
): Promise<{ port: number; stop(): Promise<void> }> {
  const node = Bun.which('node');
  if (node === null) throw new Error('row 7 needs Node: apt-get install nodejs');
  const child = Bun.spawn([node, join(import.meta.dir, 'strict-origin.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const port = Promise.withResolvers<number>();
  const heard = (async () => {
    let pending = '';
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (pending + text).split('\n');
      pending = parts.pop() ?? '';
      for (const line of parts) {
        const said = Said.parse(JSON.parse(line));
        if ('port' in said) port.resolve(said.port);
        else hear(said);
      }
    }
  })();
  const stop = async (): Promise<void> => {
    await child.stdin.end();
    await child.exited;
    await heard;
  };
  running.add(stop);
  return { port: await port.promise, stop };
}

/** What is wrong with what came on a connection; null if both readers read it, and alike. */
export function judge({ raw, requests, error, upgraded }: Connection): string | null {
  const strict = readStrictly(raw);
  if (strict.doubt !== null) return strict.doubt;
  const shown = (list: readonly Connection['requests'][number][]): string =>
    list.map(({ method, target, bytes, whole }) => `${method} ${target} ${whole ? bytes : 'cut'}`).join(', ');
  const tail = JSON.stringify(raw.slice(-300));
  if (error !== null) {
    const next = strict.requests[requests.length];
    // It knows only the methods of its list. What follows on the connection it does not read.
    const foreign =
      next !== undefined && error.startsWith('HPE_INVALID_METHOD') && !METHODS.includes(next.method);
    // The proxy itself cut the request off in the middle, which is how it takes back what it has begun to forward.
    const cut = strict.open || strict.requests.at(-1)?.whole === false;
    if (!foreign && !cut) return `Node refused it: ${error}: ${tail}`;
  }
  // Node takes no more after an upgrade.
  const ours = upgraded || error !== null ? strict.requests.slice(0, requests.length) : strict.requests;
  return shown(ours) === shown(requests)
    ? null
    : `two readings: ${shown(strict.requests)} and ${shown(requests)}: ${tail}`;
}

/** Row 7: nothing reaches an instance that could be read in two ways. */
export const smuggling: ScoreRow = {
  row: 7,
  goal: '0 ambiguous requests forwarded',
  usualMinutes: 10,
  async run(running, minutes): Promise<Score> {
    const faults = new Faults();
    let [connections, forwarded] = [0, 0];
    const origin = await startOrigin(running, (connection) => {
      connections++;
      forwarded += connection.requests.length;
      const wrong = judge(connection);
      if (wrong !== null) faults.add(wrong);
    });
    const proxy = await OurProxy.start(running);
    await proxy.route('blue', { blue: [{ host: '127.0.0.1', port: origin.port }], green: [] });
    const until = new Until(minutes);
    const begun = performance.now();
    let [sent, refused, answered, mutations] = [0, 0, 0, 0];
    const client = async (number: number): Promise<void> => {
      const random = new Random(15_485_863 + number);
      while (!until.over && !running.signal.aborted) {
        const n = sent++;
        const seed = n < seeds.length ? seeds[n]! : mutated(random.pick(seeds), random);
        if (n >= seeds.length) mutations++;
        const wire = await connectWire(proxy.listen);
        const half = random.next() < 0.5 ? seed.length : random.between(0, seed.length);
        wire.send(seed.slice(0, half));
        if (half < seed.length) {
          await Bun.sleep(1);
          wire.send(seed.slice(half));
        }
        const end = performance.now() + patienceMs;
        while (!wire.closed && !wire.ended && wire.received.length === 0 && performance.now() < end)
          await Bun.sleep(2);
        if (/^HTTP\/1\.1 200/.test(wire.text)) answered++;
        else if (/^HTTP\/1\.1 [45]/.test(wire.text)) refused++;
        if (!wire.closed) wire.abort();
      }
    };
    await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
    const seconds = (performance.now() - begun) / 1000;
    // Connections that rest end with the proxy; then the origin has told of all.
    await proxy.drain(500);
    await proxy.ended();
    await origin.stop();
    return {
      measured: { sent, mutations, refused, answered, forwarded, connections, ambiguous: faults.count },
      held: faults.count === 0,
      void:
        sent / seconds < leastPerSecond
          ? `${Math.round(sent / seconds)} requests a second, expected ${leastPerSecond} at least`
          : mutations === 0
            ? 'nothing was mutated'
            : refused === 0 || forwarded === 0
              ? 'nothing was refused, or nothing forwarded'
              : null,
      examples: faults.examples,
    };
  },
};
