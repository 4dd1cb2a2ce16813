import { formatAddress, type Address } from '../../core/address.ts';
import { PageMemory } from './page-memory.ts';
import { makePayloads } from './payload.ts';
import type { Exchange, Flaw, Place, Profile, Speaker } from './profile.ts';
import { Random } from './random.ts';

const pages = [
  '/',
  '/products',
  '/products/assam',
  '/products/sencha',
  '/products/mint',
  '/products/oolong',
  '/live',
];
const maxDownloadBytes = 256 * 1024;

/** The start of the ids of all orders that a load with this seed places, so that the journal can be compared with its counts. */
export const orderPrefix = (seed: number): string => `load-${seed}-`;

/** How to speak to `examples/shop`, and what it must answer. */
export function shopProfile(target: Address, seed: number): Profile {
  const host = formatAddress(target);
  const payloads = makePayloads(new Random(seed), 24, 1024, 256 * 1024);
  const pattern = Buffer.from(Array.from({ length: maxDownloadBytes }, (_, i) => i % 251));
  const memory = new PageMemory();

  const page =
    (close: boolean) =>
    ({ random }: Place) => {
      const all = pages.map((path) =>
        get(host, path, close, (body, speaker) => checkPage(memory, path, body, speaker)),
      );
      return () => random.pick(all);
    };

  return {
    host,
    speaker: { environment: 'x-shop-environment', release: 'x-shop-release' },
    exchanges: {
      'keep-alive': page(false),
      close: page(true),
      upload:
        ({ random }) =>
        () => {
          const { bytes, sha256, chunked } = random.pick(payloads);
          const framed = random.next() < 0.5;
          const length = framed ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes.length}`;
          const head = Buffer.from(
            `POST /echo HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/octet-stream\r\n${length}\r\n\r\n`,
          );
          const body = framed ? chunked : bytes;
          // One in four is sent with a pause in the middle: such a request is open when a switch comes.
          const half = random.next() < 0.25 ? body.length >> 1 : body.length;
          return {
            label: `POST /echo ${framed ? 'chunked' : 'length'} ${bytes.length}`,
            parts: [
              Buffer.concat([head, body.subarray(0, half)]),
              ...(half < body.length ? [body.subarray(half)] : []),
            ],
            pauseMs: random.between(5, 50),
            status: 200,
            close: false,
            check: (answer, speaker) =>
              checkText(answer, speaker, (who) => JSON.stringify({ bytes: bytes.length, sha256, ...who })),
          };
        },
      order: ({ random, index }) => {
        let count = 0;
        return () => {
          const order = {
            id: `${orderPrefix(seed)}${index}-${++count}`,
            product: random.pick(['assam', 'mint']),
            quantity: random.between(1, 9),
          };
          const body = JSON.stringify(order);
          const request = `POST /orders HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
          return {
            label: `POST /orders ${order.id}`,
            parts: [Buffer.from(request)],
            pauseMs: 0,
            status: 201,
            close: false,
            check: (answer, speaker) =>
              checkText(answer, speaker, (who) => JSON.stringify({ ...order, ...who })),
          };
        };
      },
      stream:
        ({ random }) =>
        () => {
          const chunks = random.between(3, 12);
          return get(host, `/stream?chunks=${chunks}&ms=${random.between(0, 40)}`, false, (body, speaker) =>
            checkText(body, speaker, (who) => streamText(chunks, who)),
          );
        },
      slow:
        ({ random }) =>
        () => {
          const ms = random.between(50, 500);
          return get(host, `/slow?ms=${ms}`, false, (body, speaker) =>
            checkText(
              body,
              speaker,
              (who) => `slow ms=${ms} release=${who.release} environment=${who.environment}\n`,
            ),
          );
        },
      download:
        ({ random }) =>
        () => {
          const bytes = random.between(1, maxDownloadBytes);
          return get(host, `/download?bytes=${bytes}`, false, (body) =>
            body.equals(pattern.subarray(0, bytes))
              ? null
              : wrong(`expected ${bytes} bytes of the pattern, found ${body.length} that differ`),
          );
        },
    },
    tunnel: { path: '/ws', messages: [5, 60], bytes: [1, 2000], pauseMs: [5, 60] },
  };
}

const wrong = (detail: string): Flaw => ({ reason: 'wrong-content', detail });

function get(host: string, path: string, close: boolean, check: Exchange['check']): Exchange {
  const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${close ? 'Connection: close\r\n' : ''}\r\n`;
  return { label: `GET ${path}`, parts: [Buffer.from(request)], pauseMs: 0, status: 200, close, check };
}

const streamText = (chunks: number, { release, environment }: Speaker): string => {
  const speaker = `release=${release} environment=${environment}\n`;
  return `${Array.from({ length: chunks }, (_, i) => `chunk ${i + 1}/${chunks} ${speaker}`).join('')}end ${chunks} ${speaker}`;
};

/** A page is whole if its last line names it and the side that the headers name, and no other copy from there differed. */
export function checkPage(
  memory: PageMemory,
  path: string,
  body: Buffer,
  speaker: Speaker | null,
): Flaw | null {
  if (!speaker) return wrong('expected the headers X-Shop-Release and X-Shop-Environment');
  const key = `${speaker.environment} ${speaker.release} ${path}`;
  const same = memory.same(key, body);
  if (same === true) return null;
  const end = `<!-- end path=${path} release=${speaker.release} environment=${speaker.environment} -->\n`;
  if (
    same === undefined &&
    body.toString('utf8', 0, 15) === '<!doctype html>' &&
    body.toString('utf8', body.length - end.length) === end
  ) {
    memory.remember(key, body);
    return null;
  }
  return flawOf(body, speaker, same === undefined ? end : 'the same page as before');
}

/** `expected` with release and environment last, as the shop writes them. */
function checkText(body: Buffer, speaker: Speaker | null, expected: (who: Speaker) => string): Flaw | null {
  if (!speaker) return wrong('expected the headers X-Shop-Release and X-Shop-Environment');
  const text = expected({ release: speaker.release, environment: speaker.environment });
  return body.toString('utf8') === text ? null : flawOf(body, speaker, text);
}

/** A body that names a side other than its headers do, or two sides, is put together from two responses. */
function flawOf(body: Buffer, speaker: Speaker, expected: string): Flaw {
  const text = body.toString('utf8');
  const named = new Set([`${speaker.release} ${speaker.environment}`]);
  for (const [, release, environment] of text.matchAll(
    /release"?[=:]"?([^\s",]+)"?[ ,]"?environment"?[=:]"?([^\s",}]+)/g,
  )) {
    named.add(`${release} ${environment}`);
  }
  if (named.size > 1) return { reason: 'mixed', detail: `one response names ${[...named].join(' and ')}` };
  return wrong(`expected ${JSON.stringify(expected.slice(-120))}, found ${JSON.stringify(text.slice(-120))}`);
}
