import { chmodSync } from 'node:fs';
import { z } from 'zod';
import { CutoverError, errorRecord } from '../core/errors.ts';
import { Route } from '../core/traffic.ts';
import { prepareSocketDirectory, socketPath } from '../config/home.ts';
import { httpStatus } from '../proxy/admin/protocol.ts';
import { removeSocket } from '../proxy/admin/socket-place.ts';
import type { Holder } from './holder.ts';
import { holderSocketName, SocketOrder } from './protocol.ts';

const longestBodyBytes = 1024 * 1024;
const Epoch = z.coerce.number().int().min(1);

/**
 * Serves the holder to the controller, over a socket that only this user may use.
 *
 *   GET    /v1/status
 *   GET    /v1/services/:service          Route, or null
 *   PUT    /v1/services/:service          Route → whether anything changed
 *   DELETE /v1/services/:service?epoch=N
 *   GET    /v1/services/:service/slots    SlotsSeen
 *   POST   /v1/services/:service/socket   SocketOrder → SocketSent; the descriptor goes to the inbox
 *   POST   /v1/upgrade                    another process of the program on disk takes its place
 *   POST   /v1/stop
 */
export function serveHolder(
  home: string,
  holder: Holder,
  onEnd: (how: 'ends' | 'gives way') => void,
): { readonly path: string; close(): Promise<void> } {
  const path = socketPath(home, holderSocketName);
  prepareSocketDirectory(path);
  // Whoever has the lock is the only one who may answer here.
  removeSocket(path);
  const routes: Record<string, Record<string, (request: Bun.BunRequest) => unknown>> = {
    '/v1/status': { GET: () => holder.status() },
    '/v1/services/:service': {
      GET: (request) => ({ route: holder.read(nameOf(request)) }),
      async PUT(request) {
        const route = await bodyOf(request, Route);
        if (route.service !== nameOf(request)) throw invalid('the body is of another service than the path');
        return { changed: await holder.apply(route) };
      },
      async DELETE(request) {
        const epoch = Epoch.safeParse(new URL(request.url).searchParams.get('epoch'));
        if (!epoch.success) throw invalid('the epoch is missing, or is no number');
        await holder.remove(nameOf(request), epoch.data);
        return done();
      },
    },
    '/v1/services/:service/slots': { GET: (request) => holder.slots(nameOf(request)) },
    '/v1/services/:service/socket': {
      POST: async (request) => holder.send(nameOf(request), await bodyOf(request, SocketOrder)),
    },
    '/v1/upgrade': {
      async POST() {
        await holder.giveWay();
        setTimeout(onEnd, 0, 'gives way');
        return done();
      },
    },
    '/v1/stop': {
      async POST() {
        await holder.end();
        setTimeout(onEnd, 0, 'ends');
        return done();
      },
    },
  };
  const answering = (act: (request: Bun.BunRequest) => unknown) => async (request: Bun.BunRequest) => {
    try {
      return Response.json(await act(request));
    } catch (error) {
      const record = errorRecord(error);
      return Response.json(record, { status: httpStatus(record.code) });
    }
  };
  const former = process.umask(0o077);
  try {
    const server = Bun.serve({
      unix: path,
      maxRequestBodySize: longestBodyBytes,
      routes: Object.fromEntries(
        Object.entries(routes).map(([at, methods]) => [
          at,
          Object.fromEntries(Object.entries(methods).map(([method, act]) => [method, answering(act)])),
        ]),
      ),
      fetch: () =>
        Response.json(errorRecord(invalid('there is no such path')), {
          status: httpStatus('request-invalid'),
        }),
    });
    chmodSync(path, 0o600);
    return {
      path,
      async close() {
        removeSocket(path);
        await server.stop();
      },
    };
  } finally {
    process.umask(former);
  }
}

const done = () => ({ done: true, pid: process.pid });
const nameOf = (request: Bun.BunRequest): string => {
  const { service } = request.params as { service?: string };
  return service ?? '';
};
const invalid = (message: string): CutoverError => new CutoverError('request-invalid', message);

async function bodyOf<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  let json: unknown;
  try {
    json = await request.json();
  } catch (cause) {
    throw new CutoverError('request-invalid', 'the body is not JSON', { next: 'send a JSON object', cause });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw invalid(`the body is wrong: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
