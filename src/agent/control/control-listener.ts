import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Address } from '../../core/address.ts';
import { CutoverError, errorRecord, type ErrorCode } from '../../core/errors.ts';
import { controlPrefix, EnrollRequest, mostOrderBytes, RenewRequest } from '../../platforms/host/protocol.ts';
import { type Listening, unlistenable } from '../listening.ts';
import type { Authority } from './authority.ts';
import type { Invitations } from './invitations.ts';
import type { Orders } from './orders.ts';

export interface ControlOptions {
  readonly listen: Address;
  readonly authority: Authority;
  readonly invitations: Invitations;
  readonly orders: Orders;
  readonly now: () => number;
  readonly say: (text: string) => void;
}

const statusOf: Partial<Record<ErrorCode, number>> = {
  'request-invalid': 400,
  'agent-refused': 403,
  'release-unknown': 404,
  internal: 500,
};
/** For a handshake and for the head of a request: nobody holds a connection by saying nothing. */
const silenceMs = 10_000;

/**
 * Where controllers give orders: TLS 1.3, with certificates of both sides. Who has none of this agent's authority may read the authority's own, and
 * enroll with a token.
 *
 * @throws CutoverError `address-in-use`
 */
export async function listenForControllers(options: ControlOptions): Promise<Listening> {
  const { listen, authority } = options;
  const server = createServer({
    cert: `${authority.own.certificate}\n${authority.certificate}`,
    key: authority.own.key,
    ca: authority.certificate,
    requestCert: true,
    // Who is not let in may still enroll; everything else asks.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    handshakeTimeout: silenceMs,
    headersTimeout: silenceMs,
    requestTimeout: 0,
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void answer(options, request, response);
  });
  server.on('tlsClientError', () => undefined); // A peer that speaks no TLS is let go.
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(unlistenable('--control', listen, cause)));
    server.listen(listen.port, listen.host, resolve);
  });
  const bound = server.address();
  return {
    address: { host: listen.host, port: typeof bound === 'object' && bound ? bound.port : listen.port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  options: ControlOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort(new Error('the controller has gone')));
  try {
    const answered = await handled(options, request, gone.signal);
    respond(response, 200, answered);
  } catch (error) {
    const record = errorRecord(error);
    if (record.code === 'internal') options.say(record.message);
    // What was not read of a body would be taken for the next request.
    response.setHeader('connection', 'close');
    respond(response, statusOf[record.code] ?? 409, { error: record });
  }
}

function respond(response: ServerResponse, status: number, answered: unknown): void {
  if (response.destroyed) return;
  const isText = typeof answered === 'string';
  const body = isText ? answered : JSON.stringify(answered);
  response.writeHead(status, {
    'content-type': isText ? 'application/x-pem-file' : 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

async function handled(
  { authority, invitations, orders, now, say }: ControlOptions,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<unknown> {
  const { method, url = '' } = request;
  if (!url.startsWith(controlPrefix))
    throw new CutoverError('request-invalid', `expected an order of protocol 1, found ${url.slice(0, 100)}`, {
      next: 'have the same version of Cutover on the host and at the controller',
    });
  const name = url.slice(controlPrefix.length);
  if (name === 'authority' && method === 'GET') return authority.certificate;
  if (method !== 'POST')
    throw new CutoverError('request-invalid', `expected POST, found ${method ?? 'nothing'}`);
  if (name === 'enroll') {
    const { secret, request: asked } = wanted(EnrollRequest, await bodyOf(request));
    invitations.accept(secret, now());
    const certificate = await authority.admit(asked);
    say(`a controller has enrolled from ${request.socket.remoteAddress ?? 'an address that is not known'}`);
    return { certificate };
  }
  const { socket } = request;
  if (!('authorized' in socket) || socket.authorized !== true)
    throw new CutoverError(
      'agent-refused',
      'expected a controller that has enrolled here, found one without a certificate of this agent',
      { next: 'cutover agent token on the host, then cutover agent enroll at the controller' },
    );
  if (name === 'renew')
    return { certificate: await authority.admit(wanted(RenewRequest, await bodyOf(request)).request) };
  if (name.startsWith('content/')) return orders.receive(name.slice('content/'.length), request, signal);
  const answered = orders.obey(name, await bodyOf(request));
  if (answered === undefined)
    throw new CutoverError(
      'request-invalid',
      `expected an order of protocol 1, found ${name.slice(0, 100)}`,
      {
        next: 'have the same version of Cutover on the host and at the controller',
      },
    );
  return answered;
}

function wanted<T>(
  schema: { safeParse(value: unknown): { readonly success: boolean; readonly data?: T | undefined } },
  body: unknown,
): T {
  const { data } = schema.safeParse(body);
  if (data !== undefined) return data;
  throw new CutoverError('request-invalid', 'expected a request of protocol 1, found something else');
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('expected bytes from the socket');
    bytes += chunk.length;
    if (bytes > mostOrderBytes)
      throw new CutoverError(
        'request-invalid',
        `expected an order of at most ${mostOrderBytes} bytes, found more`,
      );
    chunks.push(chunk);
  }
  try {
    const text = Buffer.concat(chunks).toString('utf8');
    return text === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new CutoverError('request-invalid', 'expected a body of JSON', { cause });
  }
}
