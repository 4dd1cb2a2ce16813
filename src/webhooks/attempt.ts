import { readFile } from 'node:fs/promises';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import { converse, describeFailure, type Failure } from '../checks/connection.ts';
import { ResponseReader } from '../checks/http-response.ts';
import { isIpAddress } from '../core/ip.ts';
import { shownHost, shownUrl } from '../core/webhook-url.ts';
import type { Clock } from '../ports/clock.ts';
import type { WebhookMessage, WebhookTarget } from '../ports/webhook.ts';
import type { Destinations } from './destinations.ts';
import { destinationOf, renderPost, type Destination } from './request.ts';
import { retryAfterMs } from './retry-after.ts';
import { signedHeaders, signingKeys } from './signature.ts';

/** The most of an answer that is kept. */
const bodyLimitBytes = 65_536;
/** A file that holds a secret, an address or authorities is not longer. */
const fileLimitBytes = 1_048_576;

/** What one try came to. */
export interface Attempted {
  readonly ok: boolean;
  readonly detail: string;
  readonly status: number | null;
  readonly body: string;
  readonly cut: boolean;
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
}

/** What a try is made with. */
export interface AttemptParts {
  readonly clock: Clock;
  readonly destinations: Destinations;
  /** The addresses of a name, best first; rejects if there are none. */
  readonly lookUp: (host: string) => Promise<readonly string[]>;
}

const failed = (detail: string, retryable: boolean): Attempted => ({
  ok: false,
  detail,
  status: null,
  body: '',
  cut: false,
  retryable,
  retryAfterMs: null,
});

/** Why nothing was sent, though it may be another time. */
class Unsendable extends Error {
  override readonly name = 'Unsendable';
}

async function textOf(path: string, what: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new Unsendable(`expected ${what} in ${path}, found that it cannot be read (${code})`, { cause });
  }
  if (bytes.length > fileLimitBytes)
    throw new Unsendable(`expected ${what} in ${path}, found more than ${fileLimitBytes} bytes`);
  return bytes.toString('utf8');
}

async function urlOf({ url, urlFile }: WebhookTarget): Promise<string> {
  if (url !== undefined) return url;
  return urlFile === undefined ? '' : (await textOf(urlFile, 'the address of a webhook')).trim();
}

async function secureOptions({ host }: Destination, ca: string | undefined): Promise<ConnectionOptions> {
  return {
    ...(ca !== undefined && { ca: await textOf(ca, 'authorities') }),
    // An address is no server name (RFC 6066 §3).
    servername: isIpAddress(host) ? '' : host,
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
  };
}

/** Posts the message once. Never rejects for what the target does; ends within the time, or soon after the signal is aborted. */
export async function attempt(
  parts: AttemptParts,
  target: WebhookTarget,
  message: WebhookMessage,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Attempted> {
  const begun = parts.clock.monotonic();
  try {
    const url = await urlOf(target);
    const destination = destinationOf(url);
    if (typeof destination === 'string') return failed(destination, false);
    const text = target.secretFile === undefined ? null : await textOf(target.secretFile, 'a secret');
    const keys = text === null ? [] : signingKeys(text);
    if (typeof keys === 'string') return failed(`${target.secretFile}: ${keys}`, false);
    const seconds = Math.floor(parts.clock.now() / 1000);
    const signed = {
      ...signedHeaders(keys, message.id, seconds, message.body),
      'idempotency-key': message.id,
    };
    const bytes = renderPost(destination, target.headers, signed, message.body);
    const secure = destination.secure ? await secureOptions(destination, target.ca) : null;
    const left = (): number => timeoutMs - (parts.clock.monotonic() - begun);
    const { addresses, objection } = await allowed(parts, destination, left(), signal);
    const shown = target.isSecret === true || target.urlFile !== undefined ? shownHost(url) : shownUrl(url);
    if (objection !== null) return failed(`POST ${shown}: ${objection}`, false);
    return await post({ parts, shown, destination, bytes, secure, left, timeoutMs, signal }, addresses);
  } catch (error) {
    if (error instanceof Unsendable) return failed(error.message, true);
    throw error;
  }
}

/**
 * The addresses that may be called. They are looked up once and then called as such: a name that leads elsewhere a moment later
 * (DNS rebinding) leads nobody past this look.
 */
async function allowed(
  { lookUp, destinations, clock }: AttemptParts,
  { host }: Destination,
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<{ addresses: readonly string[]; objection: string | null }> {
  const over = new AbortController();
  const stop = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  const late = clock.sleep(withinMs, stop).then(
    () => null,
    () => null, // the look-up was quicker, or nobody waits any more
  );
  let addresses: readonly string[] | null;
  try {
    addresses = isIpAddress(host) ? [host] : await Promise.race([lookUp(host), late]);
  } catch {
    throw new Unsendable(`no address is known for ${host}`);
  } finally {
    over.abort();
  }
  signal?.throwIfAborted();
  if (addresses === null) throw new Unsendable(`no address was found for ${host} in time`);
  const objections = addresses.map((address) => destinations.objection(host, address));
  const fit = addresses.filter((_, index) => objections[index] === null);
  return { addresses: fit, objection: fit.length > 0 ? null : (objections[0] ?? `${host} has no address`) };
}

interface Posting {
  readonly parts: AttemptParts;
  /** The address as it may be shown. */
  readonly shown: string;
  readonly destination: Destination;
  readonly bytes: Buffer;
  readonly secure: ConnectionOptions | null;
  readonly left: () => number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** To the first of the addresses that takes a connection. */
async function post(
  { parts, shown, destination, bytes, secure, left, timeoutMs, signal }: Posting,
  addresses: readonly string[],
): Promise<Attempted> {
  const says = (text: string): string => `POST ${shown}: ${text}`;
  let detail = says('nothing was tried');
  for (const host of addresses) {
    const reader = new ResponseReader(false);
    const address = { host, port: destination.port };
    const done = (): boolean =>
      reader.state.phase !== 'head' && (reader.state.phase !== 'body' || reader.body.length > bodyLimitBytes);
    const result = await converse<'read'>(
      parts.clock,
      address,
      Math.max(1, left()),
      signal,
      {
        connected: (socket) => void socket.write(bytes),
        data: (chunk, finish) => {
          reader.push(chunk);
          if (done()) finish('read');
        },
        end: (finish) => {
          reader.end();
          finish('read');
        },
      },
      secure,
    );
    signal?.throwIfAborted();
    // An answer whose whole head has come tells what became of the message, whatever became of its body.
    if ('status' in reader.state) return answered(reader, reader.state.status, says, parts.clock.now());
    if (reader.state.phase === 'invalid')
      return failed(says(`expected an HTTP answer, found ${reader.state.why}`), true);
    const failure: Failure = result === 'read' ? { kind: 'failed', code: 'closed', connected: true } : result;
    detail = says(describeFailure(failure, address, timeoutMs));
    // Once it may have been sent, no other address gets it in the same try.
    if (failure.connected) break;
    if (left() <= 0) break;
  }
  return failed(detail, true);
}

function answered(
  reader: ResponseReader,
  status: number,
  says: (text: string) => string,
  now: number,
): Attempted {
  const ok = status >= 200 && status < 300;
  const retryable = status === 429 || status >= 500;
  const isRedirect = status >= 300 && status < 400;
  return {
    ok,
    detail: says(
      ok
        ? `answered ${status}`
        : `expected a status of class 2xx, found ${status}${isRedirect ? ' (redirects are not followed)' : ''}`,
    ),
    status,
    body: reader.body.subarray(0, bodyLimitBytes).toString('utf8'),
    cut: reader.state.phase !== 'whole' || reader.body.length > bodyLimitBytes,
    retryable,
    retryAfterMs: retryable ? retryAfterMs(reader.headers.get('retry-after'), now) : null,
  };
}
