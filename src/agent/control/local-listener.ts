import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { rmSync } from 'node:fs';
import { CutoverError } from '../../core/errors.ts';
import { controlPrefix } from '../../platforms/host/protocol.ts';
import { answer, obeyed } from './answer.ts';
import type { Orders } from './orders.ts';

export interface LocalOptions {
  /** Of the socket, in a folder that is ours alone: whoever can open it may give orders. */
  readonly path: string;
  readonly orders: Orders;
  /** Which program this is, and with what it was started: another one takes its place. */
  readonly identity: string;
  /** Somebody wants to take its place. */
  readonly onLeave: () => void;
  readonly say: (text: string) => void;
}

/**
 * Where orders come from that arrived on this host by SSH: those of the protocol, and `identity` and `leave`. Only one at a time may listen; the caller sees to
 * that.
 */
export async function listenLocally(options: LocalOptions): Promise<{ close(): Promise<void> }> {
  rmSync(options.path, { force: true }); // Of one that is dead: we alone are allowed to listen.
  const server = createServer({ requestTimeout: 0 });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // Whoever asked hears of it first.
    if (request.url === `${controlPrefix}leave`) response.on('finish', options.onLeave);
    void answer((signal) => handled(options, request, signal), response, options.say);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.path, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handled(
  { orders, identity }: LocalOptions,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<unknown> {
  const { url = '', method } = request;
  if (!url.startsWith(controlPrefix) || method !== 'POST')
    throw new CutoverError('request-invalid', `expected an order of protocol 1, found ${url.slice(0, 100)}`);
  const name = url.slice(controlPrefix.length);
  if (name === 'identity') return { identity };
  return name === 'leave' ? {} : obeyed(orders, name, request, signal);
}
