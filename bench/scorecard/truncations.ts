import { connectWire, Origin, type Wire } from '../../src/proxy/worker/rig.fixture.ts';
import { Random } from '../../src/testing/load/random.ts';
import { OurProxy } from './our-proxy.ts';
import { Faults, type Score, type ScoreRow, Until } from './row.ts';

const framings = ['length', 'chunked', 'close'] as const;
type Framing = (typeof framings)[number];
/** What an instance does wrong, and what its client has to see: all of it, that it is not all, or either. */
const acts = {
  'as it should': 'whole',
  slowly: 'whole',
  'too much': 'whole',
  'early, and reads on': 'whole',
  'early, and closes': 'either',
  'ends in the head': 'broken',
  'resets in the head': 'broken',
  'ends in the body': 'broken',
  'resets in the body': 'broken',
  'falls silent in the body': 'broken',
  'falls silent before the head': 'broken',
  'a chunk that is none': 'broken',
} as const;
type Act = keyof typeof acts;
const allActs = Object.keys(acts) as Act[];

const leastPerSecond = 10;
const clients = 24;
const silenceMs = 800;

/** Whether the act can be done in this framing: the end of the connection is the end of a body without a length, and nobody can tell. */
const possible = (framing: Framing, act: Act): boolean =>
  framing === 'close'
    ? act !== 'ends in the body' && act !== 'too much' && act !== 'a chunk that is none'
    : framing === 'length'
      ? act !== 'a chunk that is none'
      : true;
const cases = framings.flatMap((framing) =>
  allActs.filter((act) => possible(framing, act)).map((act) => ({ framing, act })),
);

const bodyOf = (id: string, bytes: number): string =>
  `${id};`.repeat(Math.ceil(bytes / (id.length + 1))).slice(0, bytes);

function answer(framing: Framing, body: string, act: Act): string {
  // Who ends a connection says so: to end a kept one just as a POST comes on it would be another fault, with an honest 502.
  const ends = act === 'early, and closes' ? 'Connection: close\r\n' : '';
  const extra = act === 'too much' ? 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen' : '';
  switch (framing) {
    case 'length':
      return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${ends}\r\n${body}${extra}`;
    case 'close':
      return `HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${body}`;
    case 'chunked': {
      const half = Math.ceil(body.length / 2);
      const chunks = [body.slice(0, half), body.slice(half)].filter((part) => part !== '');
      const text = chunks.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('');
      const end = act === 'a chunk that is none' ? 'zz\r\n' : '0\r\n\r\n';
      return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${ends}\r\n${text}${end}${extra}`;
    }
  }
}

/** Plays the act that the request names. */
async function play(wire: Wire): Promise<void> {
  for (;;) {
    await wire
      .until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'a head')
      .catch(() => undefined);
    const end = wire.text.indexOf('\r\n\r\n') + 4;
    if (wire.closed) return;
    if (end < 4) {
      if (wire.ended) return wire.close();
      // An idle connection stays: to close one just as a POST comes would be a fault of the origin's, and is another row's.
      continue;
    }
    const head = wire.text.slice(0, end);
    const field = (name: string): string => new RegExp(`^${name}: (.*)\r$`, 'im').exec(head)?.[1] ?? '';
    const act = allActs.find((each) => each === field('x-act')) ?? 'as it should';
    const framing = framings.find((each) => each === field('x-framing')) ?? 'length';
    const text = answer(framing, bodyOf(field('x-id'), Number(field('x-bytes'))), act);
    const headEnd = text.indexOf('\r\n\r\n') + 4;
    const length = Number(field('content-length'));
    const sent = async (part: string): Promise<void> => {
      wire.send(part);
      await wire.until(() => wire.closed || wire.flushed, 'bytes taken').catch(() => undefined);
    };
    const at = Number(field('x-at'));
    const inHead = text.slice(0, Math.floor(at * headEnd));
    // At least one byte is missing of what there is of a body.
    const inBody = text.slice(0, headEnd + Math.floor(at * (text.length - headEnd - 1)));
    if (act === 'early, and closes') {
      await sent(text);
      return wire.close();
    }
    if (act === 'early, and reads on') await sent(text);
    const took = await wire
      .until(() => wire.closed || wire.ended || wire.received.length >= end + length, 'a body')
      .then(() => wire.received.length >= end + length)
      .catch(() => false);
    if (wire.closed) return;
    if (!took) return wire.close();
    wire.received = wire.received.subarray(end + length);
    switch (act) {
      case 'early, and reads on':
        break;
      case 'ends in the head':
        await sent(inHead);
        return wire.close();
      case 'resets in the head':
        await sent(inHead);
        return wire.abort();
      case 'ends in the body':
        await sent(inBody);
        return wire.close();
      case 'resets in the body':
        await sent(inBody);
        return wire.abort();
      case 'falls silent before the head':
        await sent(inHead);
        return;
      case 'falls silent in the body':
        await sent(inBody);
        return;
      case 'slowly': {
        const step = Math.max(1, Math.ceil(text.length / 8));
        for (let from = 0; from < text.length && !wire.closed; from += step) {
          await sent(text.slice(from, from + step));
          await Bun.sleep(5);
        }
        break;
      }
      default:
        await sent(text);
    }
    if (wire.closed) return;
    if (framing === 'close') return wire.close();
  }
}

/** How far a client can tell what it has, by the framing of what came. */
function seenBy(wire: Wire): { state: 'whole' | 'open' | 'broken'; status: number; body: string } {
  const { text } = wire;
  const end = text.indexOf('\r\n\r\n') + 4;
  const status = Number(text.slice(9, 12));
  const over = wire.closed || wire.ended;
  if (end < 4) return { state: over ? 'broken' : 'open', status: 0, body: '' };
  const head = text.slice(0, end);
  const rest = text.slice(end);
  const length = /^content-length: (\d+)\r$/im.exec(head)?.[1];
  if (length !== undefined) {
    const whole = rest.length >= Number(length);
    return { state: whole ? 'whole' : over ? 'broken' : 'open', status, body: rest.slice(0, Number(length)) };
  }
  if (/^transfer-encoding: chunked\r$/im.test(head)) {
    let body = '';
    for (let from = 0; ;) {
      const line = rest.indexOf('\r\n', from);
      const size = line === -1 ? null : Number.parseInt(rest.slice(from, line), 16);
      if (size === null || Number.isNaN(size) || rest.length < line + 2 + size + 2)
        return { state: over ? 'broken' : 'open', status, body };
      if (size === 0) return { state: 'whole', status, body };
      body += rest.slice(line + 2, line + 2 + size);
      from = line + 2 + size + 2;
    }
  }
  // Only an end in order says that this was all.
  return { state: wire.reset ? 'broken' : over ? 'whole' : 'open', status, body: rest };
}

/** Row 5: whatever an instance does, the client has the whole response or knows that it has not. */
export const truncations: ScoreRow = {
  row: 5,
  goal: '0 silent truncations; reset, half-open, slow and early-final upstreams all answered rightly',
  usualMinutes: 10,
  async run(running, minutes): Promise<Score> {
    const origins = Array.from({ length: 2 }, () => new Origin(play));
    running.add(() => {
      for (const origin of origins) origin.close();
    });
    const proxy = await OurProxy.start(running, {
      limits: { response: silenceMs, responseIdle: silenceMs, connect: 2000 },
    });
    await proxy.route('blue', { blue: origins.map(({ address }) => address), green: [] });
    const until = new Until(minutes);
    const faults = new Faults();
    const played = new Map<string, number>();
    const begun = performance.now();
    let [asked, whole, broken, answered, silent] = [0, 0, 0, 0, 0];

    const once = async (n: number, random: Random): Promise<void> => {
      const { framing, act } = random.pick(cases);
      const id = `r${n}`;
      const bytes = random.between(1, random.next() < 0.2 ? 200_000 : 4000);
      const early = act.startsWith('early');
      const posts = early || random.next() < 0.3;
      const upload = posts ? 'u'.repeat(random.between(1, early ? 300_000 : 3000)) : '';
      const what = `${framing}: ${act} (${id}, ${bytes} bytes)`;
      const head = [
        `${posts ? 'POST' : 'GET'} /${id} HTTP/1.1`,
        'Host: score.example',
        `X-Id: ${id}`,
        `X-Act: ${act}`,
        `X-Framing: ${framing}`,
        `X-Bytes: ${bytes}`,
        `X-At: ${random.next().toFixed(4)}`,
        ...(posts ? [`Content-Length: ${upload.length}`] : []),
        '',
        '',
      ].join('\r\n');
      const wire = await connectWire(proxy.listen);
      try {
        wire.send(head + upload);
        await wire.until(() => seenBy(wire).state !== 'open', what).catch(() => undefined);
        const seen = seenBy(wire);
        played.set(`${framing}: ${act}`, (played.get(`${framing}: ${act}`) ?? 0) + 1);
        const right = seen.state === 'whole' && seen.status === 200 && seen.body === bodyOf(id, bytes);
        if (seen.state === 'open') faults.add(`${what}: neither the whole nor an end came`);
        else if (seen.state === 'whole' && seen.status === 200 && !right) {
          silent++;
          faults.add(`${what}: ${seen.body.length} bytes that are not the response looked like it`);
        } else if (acts[act] === 'whole' && !right)
          faults.add(`${what}: status ${seen.status}, ${seen.state}, ${seen.body.length} bytes`);
        else if (acts[act] === 'broken' && right) {
          silent++;
          faults.add(`${what}: it looked whole`);
        } else if (
          seen.state === 'whole' &&
          seen.status !== 200 &&
          seen.status !== 502 &&
          seen.status !== 504
        )
          faults.add(`${what}: status ${seen.status}`);
        if (right) whole++;
        else if (seen.state === 'whole') answered++;
        else broken++;
      } finally {
        if (!wire.closed) wire.abort();
      }
    };
    const client = async (number: number): Promise<void> => {
      const random = new Random(104_729 + number);
      while (!until.over && !running.signal.aborted) await once(asked++, random);
    };
    await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
    const seconds = (performance.now() - begun) / 1000;
    const missed = cases.filter(({ framing, act }) => !played.has(`${framing}: ${act}`));
    return {
      measured: {
        requests: asked,
        whole,
        'broken, as the client saw': broken,
        'answered 502 or 504': answered,
        'silent truncations': silent,
        wrong: faults.count,
      },
      held: faults.count === 0,
      void:
        asked / seconds < leastPerSecond
          ? `${Math.round(asked / seconds)} requests a second, expected ${leastPerSecond} at least`
          : missed.length > 0
            ? `${missed.length} of ${cases.length} acts were not played, such as ${missed[0]!.framing}: ${missed[0]!.act}`
            : null,
      examples: [...faults.examples, ...origins.flatMap(({ errors }) => errors.map(String)).slice(0, 5)],
    };
  },
};
