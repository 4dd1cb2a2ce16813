import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Address } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import { hostKind, type PeerKind } from '../../platforms/host/peer-kind.ts';
import { controlPrefix, EnrollRequest, RenewRequest } from '../../platforms/host/protocol.ts';
import { type Listening, unlistenable } from '../listening.ts';
import { answer, bodyOf, obeyed, type Obeys } from './answer.ts';
import type { Authority } from './authority.ts';
import type { Invitations } from './invitations.ts';

export interface ControlOptions {
  readonly listen: Address;
  readonly authority: Authority;
  readonly invitations: Invitations;
  readonly orders: Obeys;
  /** What this program is to those who may not order anything. Default: that of an agent. */
  readonly kind?: PeerKind;
  readonly now: () => number;
  readonly say: (text: string) => void;
}

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
    void answer((signal) => handled(options, request, signal), response, options.say);
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

async function handled(
  { authority, invitations, orders, now, say, kind = hostKind }: ControlOptions,
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
      kind.refused,
      `expected a controller that has enrolled here, found one without a certificate of this ${kind.program}`,
      { next: `${kind.token} on the host, then ${kind.enroll} at the controller` },
    );
  if (name === 'renew')
    return { certificate: await authority.admit(wanted(RenewRequest, await bodyOf(request)).request) };
  return obeyed(orders, name, request, signal);
}

function wanted<T>(
  schema: { safeParse(value: unknown): { readonly success: boolean; readonly data?: T | undefined } },
  body: unknown,
): T {
  const { data } = schema.safeParse(body);
  if (data !== undefined) return data;
  throw new CutoverError('request-invalid', 'expected a request of protocol 1, found something else');
}
