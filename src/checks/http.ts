import { formatAddress, type Address } from '../core/address.ts';
import { formatDuration } from '../core/duration.ts';
import type { CheckResult, CheckTarget } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import { type Conversation, converse, describeFailure } from './connection.ts';
import { askHttp2 } from './http2.ts';
import { bodyFlaw, headFlaw, wantsBody, type HttpProbe } from './http-answer.ts';
import { ResponseReader, type ResponseState } from './http-response.ts';
import { secureOptions } from './secure.ts';

/** What a path may not hold (a space, a line break) is percent-encoded (RFC 3986 §2.1). */
const targetOf = (path: string): string =>
  path.replace(/[^\x21-\x7e]+/g, (text) =>
    Array.from(
      new TextEncoder().encode(text),
      (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    ).join(''),
  );

/** The request, one on its own connection. */
export function renderRequest({ method, path, headers }: HttpProbe, address: Address): string {
  const target = targetOf(path);
  const own: Record<string, string> = {
    Host: formatAddress(address),
    'User-Agent': 'cutover-check',
    Accept: '*/*',
    'Accept-Encoding': 'identity',
    ...(method === 'POST' ? { 'Content-Length': '0' } : {}),
  };
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const fields = [
    ...Object.entries(own).filter(([name]) => !given.has(name.toLowerCase())),
    ...Object.entries(headers).filter(
      ([name]) => !['connection', 'content-length', 'transfer-encoding'].includes(name.toLowerCase()),
    ),
    ['Connection', 'close'],
    ...(given.has('content-length') && method === 'POST' ? [['Content-Length', '0']] : []),
  ];
  return `${method} ${target} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly flaw: string | null }
  | { readonly kind: 'invalid'; readonly why: string };

/** What the response says so far; null while more must be read. A body is read only if something is expected of it. */
function judge(
  probe: HttpProbe,
  reader: ResponseReader,
  { phase, ...state }: ResponseState,
  ms: number,
): Answer | null {
  if ('why' in state) return { kind: 'invalid', why: state.why };
  if (!('status' in state)) return null;
  const answered = { kind: 'answered', status: state.status } as const;
  const flaw = headFlaw(probe, state.status, reader.headers, ms);
  if (flaw !== null || !wantsBody(probe)) return { ...answered, flaw };
  if (phase === 'body') return null;
  return { ...answered, flaw: bodyFlaw(probe, reader, phase !== 'over-limit', ms) };
}

/** `passed`: since the question was begun, in milliseconds. */
function inHttp1(
  probe: HttpProbe,
  address: Address,
  reader: ResponseReader,
  passed: () => number,
): Conversation<Answer> {
  return {
    connected: (socket) => {
      socket.write(renderRequest(probe, address));
    },
    data: (chunk, finish) => {
      const answer = judge(probe, reader, reader.push(chunk), passed());
      if (answer) finish(answer);
    },
    end: (finish) => {
      const answer = judge(probe, reader, reader.end(), passed());
      if (answer) finish(answer);
    },
  };
}

function inHttp2(
  probe: HttpProbe,
  address: Address,
  secure: boolean,
  passed: () => number,
): Conversation<Answer> {
  const { method, path, headers } = probe;
  const question = { method, path: targetOf(path), authority: formatAddress(address), secure, headers };
  return {
    connected: (socket, finish) =>
      askHttp2(socket, question, {
        head: (status, fields) => {
          const flaw = headFlaw(probe, status, fields, passed());
          const enough = flaw !== null || !wantsBody(probe);
          if (enough) finish({ kind: 'answered', status, flaw });
          return !enough;
        },
        body: (status, body, whole) =>
          finish({ kind: 'answered', status, flaw: bodyFlaw(probe, { body }, whole, passed()) }),
        failed: (why) => finish({ kind: 'invalid', why: `no HTTP/2: ${why}` }),
      }),
    data: () => undefined,
    end: () => undefined,
  };
}

/**
 * One request to the target, whose answer must be as the probe says; of a body the first MiB is looked at.
 * Redirects are not followed; the proxies of the environment are not asked.
 */
export async function httpCheck(
  clock: Clock,
  probe: HttpProbe,
  { address, upstream }: CheckTarget,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<CheckResult> {
  const began = clock.monotonic();
  const reader = new ResponseReader(probe.method === 'HEAD');
  const secure = await secureOptions(upstream, address);
  if (typeof secure === 'string') return { ok: false, detail: secure, ms: clock.monotonic() - began };
  const passed = (): number => clock.monotonic() - began;
  const conversation =
    upstream?.protocol === 'h2'
      ? inHttp2(probe, address, secure !== null, passed)
      : inHttp1(probe, address, reader, passed);
  const result = await converse<Answer>(
    clock,
    address,
    timeoutMs,
    signal,
    conversation,
    secure,
    upstream?.sendProxy,
  );
  const ms = clock.monotonic() - began;
  const says = (ok: boolean, text: string): CheckResult => ({
    ok,
    detail: `${probe.method} ${probe.path}: ${text}`,
    ms,
  });
  if (result.kind === 'invalid')
    return says(false, `expected an HTTP answer from ${formatAddress(address)}, found ${result.why}`);
  if (result.kind !== 'answered') {
    const { state } = reader;
    const status = 'status' in state ? `status ${state.status} and ${reader.body.length} bytes, but ` : '';
    return says(
      false,
      `${status}${describeFailure(result, address, timeoutMs).replace(/^no answer/, status ? 'no whole answer' : 'no answer')}`,
    );
  }
  if (result.flaw !== null) return says(false, result.flaw);
  return says(true, `${result.status} after ${formatDuration(ms)}`);
}
