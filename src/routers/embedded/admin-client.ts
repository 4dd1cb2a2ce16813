import { z } from 'zod';
import { CutoverError } from '../../core/errors.ts';
import { WireError } from '../../proxy/admin/protocol.ts';

export interface AdminRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs: number;
}

function absent(socket: string, what: string, cause?: unknown): CutoverError {
  return new CutoverError('proxy-absent', `the proxy at ${socket} ${what}`, {
    next: 'start it: cutover up; see its log in the home directory if it does not stay up',
    detail: { socket },
    cause,
  });
}

/**
 * One request to the proxy's admin socket; the answer is parsed by `schema`.
 *
 * @throws CutoverError what the proxy answered, or `proxy-absent` if it did not, in time or at all: whether an order took effect
 *   is then unknown, and the caller may give it again
 */
export async function askProxy<T>(socket: string, request: AdminRequest, schema: z.ZodType<T>): Promise<T> {
  const { method, path, body, timeoutMs } = request;
  let status: number;
  let text: string;
  try {
    const response = await fetch(`http://proxy${path}`, {
      unix: socket,
      method,
      // A connection that is kept could be one to a keeper that has gone since.
      headers: { connection: 'close', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = response.status;
    text = await response.text();
  } catch (cause) {
    const timedOut = cause instanceof DOMException && cause.name === 'TimeoutError';
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw absent(
      socket,
      timedOut ? `did not answer ${method} ${path} within ${timeoutMs} ms` : `does not answer: ${reason}`,
      cause,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw absent(
      socket,
      `answered ${method} ${path} with ${status} and no JSON: is something else listening there?`,
      cause,
    );
  }
  if (status !== 200) {
    const error = WireError.safeParse(json);
    if (!error.success)
      throw absent(socket, `answered ${method} ${path} with ${status} and an unknown error`, error.error);
    const { code, message, next, detail } = error.data;
    throw new CutoverError(code, message, {
      ...(next === undefined ? {} : { next }),
      ...(detail ? { detail } : {}),
    });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new CutoverError(
    'internal',
    `the proxy at ${socket} answered ${method} ${path} in another form: ${z.prettifyError(parsed.error)}`,
    {
      next: 'run proxy and controller of the same version: cutover down, then cutover up',
      cause: parsed.error,
    },
  );
}
