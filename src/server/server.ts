import { chmodSync, rmSync } from 'node:fs';
import { CutoverError, errorRecord, type ErrorCode } from '../core/errors.ts';
import type { Controller } from './route.ts';
import { routes } from './routes.ts';

/** A spec, the largest thing that is sent to us, is far smaller. */
const maxBodyBytes = 1_048_576;

const statusOf: Partial<Record<ErrorCode, number>> = {
  'request-invalid': 400,
  'spec-invalid': 400,
  'service-unknown': 404,
  'set-unknown': 404,
  'release-unknown': 404,
  'deployment-unknown': 404,
  internal: 500,
};

/** The API on a unix socket that only its owner can open. */
export interface Server {
  stop(): Promise<void>;
}

/** Throws `address-refused` if the socket cannot be made. The caller has seen to it that no other controller answers on it. */
export function serve(path: string, controller: Controller): Server {
  rmSync(path, { force: true });
  const closing = new AbortController();
  let server: Bun.Server<undefined>;
  try {
    // Made under a mask that leaves it to its owner from the first instant.
    const mask = process.umask(0o177);
    try {
      server = Bun.serve({
        unix: path,
        maxRequestBodySize: maxBodyBytes,
        fetch: (request, own) => {
          // A rollback answers when the traffic is back and events go on for ever: no answer is cut off for being late.
          own.timeout(request, 0);
          return answer(request, controller, AbortSignal.any([request.signal, closing.signal]));
        },
        error: (error) => failed(error),
      });
    } finally {
      process.umask(mask);
    }
    chmodSync(path, 0o600);
  } catch (cause) {
    throw new CutoverError(
      'address-refused',
      `the controller's socket ${path} could not be made: ${errorRecord(cause).message}`,
      { cause },
    );
  }
  return {
    async stop() {
      closing.abort();
      await server.stop();
      rmSync(path, { force: true });
    },
  };
}

async function answer(request: Request, controller: Controller, signal: AbortSignal): Promise<Response> {
  const url = new URL(request.url);
  try {
    for (const route of routes) {
      const found = matched(route.path, url.pathname);
      if (!found || route.method !== request.method) continue;
      const body: unknown = route.method === 'POST' ? await bodyOf(request) : undefined;
      return await route.handle({ ...found, query: url.searchParams, body, signal }, controller);
    }
    throw new CutoverError(
      'request-invalid',
      `expected a route of the API, found ${request.method} ${url.pathname}`,
    );
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): Response {
  const record = errorRecord(error);
  return Response.json({ error: record }, { status: statusOf[record.code] ?? 409 });
}

async function bodyOf(request: Request): Promise<unknown> {
  const text = await request.text();
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new CutoverError('request-invalid', 'expected a body of JSON', { cause });
  }
}

function matched(pattern: string, path: string): { service: string; id: number } | undefined {
  const expected = pattern.split('/');
  const found = path.split('/');
  if (expected.length !== found.length) return undefined;
  let service = '';
  let id = 0;
  for (const [index, segment] of expected.entries()) {
    const part = found[index] ?? '';
    if (segment === ':service') {
      if (!/^[a-z0-9-]{1,40}$/.test(part)) return undefined;
      service = part;
    } else if (segment === ':id') {
      if (!/^[1-9]\d{0,8}$/.test(part)) return undefined;
      id = Number(part);
    } else if (segment !== part) return undefined;
  }
  return { service, id };
}
