import { chmodSync, rmSync } from 'node:fs';
import type { BunRequest } from 'bun';
import { z } from 'zod';
import { prepareSocketDirectory, socketPath } from '../../config/home.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { expositionType } from '../../core/exposition.ts';
import { Route } from '../../core/traffic.ts';
import type { Keeper } from '../keeper/keeper.ts';
import { adminSocketName, httpStatus, StopOrder } from './protocol.ts';

const longestBodyBytes = 1024 * 1024;
const drainOnStopMs = 1000;

const invalid = (message: string, next: string): CutoverError =>
  new CutoverError('request-invalid', message, { next });

async function bodyOf<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const tooLong = () => invalid(`the body is longer than ${longestBodyBytes} bytes`, 'send less');
  if (Number(request.headers.get('content-length') ?? 0) > longestBodyBytes) throw tooLong();
  const text = await request.text();
  if (Buffer.byteLength(text) > longestBodyBytes) throw tooLong();
  let json: unknown;
  try {
    json = text === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new CutoverError('request-invalid', 'the body is not JSON', { next: 'send a JSON object', cause });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success)
    throw invalid(`the body is wrong: ${z.prettifyError(parsed.error)}`, 'correct it and send it again');
  return parsed.data;
}

const answer = async (respond: () => Promise<unknown>): Promise<Response> => {
  try {
    return Response.json(await respond());
  } catch (error) {
    const record = errorRecord(error);
    return Response.json(record, { status: httpStatus(record.code) });
  }
};

const metrics = async (keeper: Keeper): Promise<Response> => {
  try {
    return new Response(await keeper.metrics(), { headers: { 'content-type': expositionType } });
  } catch (error) {
    const record = errorRecord(error);
    return Response.json(record, { status: httpStatus(record.code) });
  }
};

const unknown = (service: string): CutoverError =>
  new CutoverError('service-unknown', `the proxy has no service ${service}`, {
    next: 'see which it has: cutover status',
  });

/**
 * The keeper's admin API: HTTP over a unix socket that only this user can open. JSON in and out; errors as `ErrorRecord`.
 *
 * @returns how to close it, after the answers under way have been sent
 */
export function serveAdmin(keeper: Keeper, home: string): { readonly path: string; close(): Promise<void> } {
  const path = socketPath(home, adminSocketName);
  prepareSocketDirectory(path);
  // Ours to remove: whoever holds the keeper's lock is the only one who may listen here.
  rmSync(path, { force: true });
  const server = Bun.serve({
    unix: path,
    maxRequestBodySize: longestBodyBytes + 65_536,
    development: false,
    routes: {
      '/v1/status': { GET: () => answer(() => Promise.resolve(keeper.status())) },
      '/v1/metrics': { GET: () => metrics(keeper) },
      '/v1/table': { GET: () => answer(() => Promise.resolve(keeper.table)) },
      '/v1/services/:name': {
        GET: ({ params }: BunRequest<'/v1/services/:name'>) =>
          answer(() => {
            const route = keeper.route(params.name);
            if (!route) throw unknown(params.name);
            return Promise.resolve(route);
          }),
        PUT: (request: BunRequest<'/v1/services/:name'>) =>
          answer(async () => {
            const route = await bodyOf(request, Route);
            if (route.service !== request.params.name)
              throw invalid(
                `the route is of service ${route.service}, expected ${request.params.name}`,
                'use the same name in path and body',
              );
            return keeper.apply(route);
          }),
        DELETE: (request: BunRequest<'/v1/services/:name'>) =>
          answer(async () => {
            const epoch = z.coerce
              .number()
              .int()
              .min(1)
              .safeParse(new URL(request.url).searchParams.get('epoch'));
            if (!epoch.success)
              throw invalid(
                'the epoch of the removal is missing or wrong',
                'add ?epoch=N, a whole number from 1',
              );
            return { removed: await keeper.remove(request.params.name, epoch.data) };
          }),
      },
      '/v1/services/:name/counters': {
        GET: ({ params }: BunRequest<'/v1/services/:name/counters'>) =>
          answer(() => {
            if (!keeper.route(params.name)) throw unknown(params.name);
            return keeper.counters(params.name);
          }),
      },
      '/v1/stop': {
        POST: (request: Request) =>
          answer(async () => {
            const order = await bodyOf(request, StopOrder);
            void keeper.stop(order);
            return { stopping: true, pid: process.pid };
          }),
      },
    },
    fetch: (request) =>
      answer(() => {
        throw invalid(
          `there is no ${request.method} ${new URL(request.url).pathname}`,
          'see src/proxy/admin/server.ts for the routes',
        );
      }),
  });
  chmodSync(path, 0o600);
  return {
    path,
    async close() {
      const stopped = server.stop();
      const end = performance.now() + drainOnStopMs;
      while (server.pendingRequests > 0 && performance.now() < end) await Bun.sleep(1);
      // What is left are connections that ask nothing.
      await server.stop(true);
      await stopped;
      rmSync(path, { force: true });
    },
  };
}
