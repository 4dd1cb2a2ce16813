import type { IncomingMessage, ServerResponse } from 'node:http';
import { CutoverError, errorRecord, type ErrorCode } from '../../core/errors.ts';
import { mostOrderBytes } from '../../platforms/host/protocol.ts';

/** What controllers that are let in may order. */
export interface Obeys {
  /** Undefined if there is no such order. The answer is JSON. */
  obey(name: string, order: unknown): Promise<unknown> | undefined;
  /** Takes content that was announced; absent: nobody sends any. */
  receive?(id: string, content: IncomingMessage, signal: AbortSignal): Promise<unknown>;
}

const statusOf: Partial<Record<ErrorCode, number>> = {
  'request-invalid': 400,
  'agent-refused': 403,
  'proxy-refused': 403,
  'release-unknown': 404,
  internal: 500,
};
/** Answers one request with what is done for it, or with why it is not. The signal says that nobody waits for it any more. */
export async function answer(
  handle: (signal: AbortSignal) => Promise<unknown>,
  response: ServerResponse,
  say: (text: string) => void,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort(new Error('the controller has gone')));
  try {
    const answered = await handle(gone.signal);
    respond(response, 200, answered);
  } catch (error) {
    const record = errorRecord(error);
    if (record.code === 'internal') say(record.message);
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

/** Has an order carried out, whoever gave it. */
export async function obeyed(
  orders: Obeys,
  name: string,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<unknown> {
  if (name.startsWith('content/') && orders.receive)
    return orders.receive(name.slice('content/'.length), request, signal);
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

/** A body of JSON; an empty one is an order without words. */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
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
