import { chmodSync } from 'node:fs';
import type { BunRequest } from 'bun';
import { z } from 'zod';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { expositionType } from '../../core/exposition.ts';
import { other } from '../../core/colour.ts';
import { Mode } from '../../core/mode.ts';
import { PassOrder } from '../../core/testers.ts';
import { Eviction, Route } from '../../core/traffic.ts';
import { Weights } from '../../core/weights.ts';
import type { Keeper } from '../keeper/keeper.ts';
import type { Successor } from '../keeper/keeper-process.ts';
import { AloneMirror, httpStatus, StopOrder, SwitchOrder, TogetherOrder } from './protocol.ts';
import { clearSocketPath, removeSocket } from './socket-place.ts';
import { switched } from './switched.ts';
import { askVersion } from './successor-version.ts';

const longestBodyBytes = 1024 * 1024;
/** Of an order for several services, each of which may have a page of its own. */
const longestTogetherBytes = 8 * longestBodyBytes;
const drainOnStopMs = 1000;

const invalid = (message: string, next: string): CutoverError =>
  new CutoverError('request-invalid', message, { next });

async function bodyOf<T>(
  request: Request,
  schema: z.ZodType<T>,
  longestBytes = longestBodyBytes,
): Promise<T> {
  const tooLong = () => invalid(`the body is longer than ${longestBytes} bytes`, 'send less');
  if (Number(request.headers.get('content-length') ?? 0) > longestBytes) throw tooLong();
  const text = await request.text();
  if (Buffer.byteLength(text) > longestBytes) throw tooLong();
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

/** A report is text on disk already: it is not read once more to be written. */
const reported = async (keeper: Keeper, service: string, id: string | null): Promise<Response> => {
  try {
    const text = await keeper.diffReport(service, id);
    return new Response(`{"report":${text ?? 'null'}}`, { headers: { 'content-type': 'application/json' } });
  } catch (error) {
    const record = errorRecord(error);
    return Response.json(record, { status: httpStatus(record.code) });
  }
};

const unknown = (service: string): CutoverError =>
  new CutoverError('service-unknown', `the proxy has no service ${service}`, {
    next: 'see which it has: cutover status',
  });

function withUmask<T>(mask: number, make: () => T): T {
  const former = process.umask(mask);
  try {
    return make();
  } finally {
    process.umask(former);
  }
}

/** Refuses what a controller would not know of. */
function expectAlone(keeper: Keeper, order: 'switch' | 'mode' | 'weights' | 'mirror'): void {
  if (keeper.status().alone) return;
  throw invalid(
    `this proxy is led by a controller, which would not know of the ${order}`,
    order === 'switch'
      ? 'order it there: cutover switch'
      : 'run the proxy by itself for that (cutover proxy)',
  );
}

/**
 * The keeper's admin API: HTTP over a unix socket that only this user can open. JSON in and out; errors as `ErrorRecord`.
 *
 * @param onUpgrade called before the keeper leaves its workers to the next program
 * @returns how to close it, after the answers under way have been sent
 * @throws CutoverError `address-in-use` or `address-refused` if the socket cannot be had
 */
export async function serveAdmin(
  keeper: Keeper,
  options: { readonly home: string; readonly adminSocket?: string; readonly successor?: Successor },
  onUpgrade: () => void,
): Promise<{ readonly path: string; close(): Promise<void> }> {
  const path = await clearSocketPath(options.home, options.adminSocket);
  // Nobody else may open it, also not between its making and the chmod below.
  const server = withUmask(0o177, () =>
    Bun.serve({
      unix: path,
      maxRequestBodySize: longestTogetherBytes + 65_536,
      development: false,
      routes: {
        '/v1/status': { GET: () => answer(() => Promise.resolve(keeper.status())) },
        '/v1/metrics': { GET: () => metrics(keeper) },
        '/v1/table': { GET: () => answer(() => Promise.resolve(keeper.table)) },
        '/v1/services': {
          PUT: (request: Request) =>
            answer(async () => {
              const { routes } = await bodyOf(request, TogetherOrder, longestTogetherBytes);
              return { applied: await keeper.applyTogether(routes) };
            }),
        },
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
        '/v1/services/:name/switch': {
          POST: (request: BunRequest<'/v1/services/:name/switch'>) =>
            answer(async () => {
              const { to } = await bodyOf(request, SwitchOrder);
              expectAlone(keeper, 'switch');
              const route = keeper.route(request.params.name);
              if (!route) throw unknown(request.params.name);
              return keeper.apply(switched(route, to));
            }),
        },
        '/v1/services/:name/evict': {
          POST: (request: BunRequest<'/v1/services/:name/evict'>) =>
            answer(async () => keeper.evict(request.params.name, await bodyOf(request, Eviction))),
        },
        '/v1/services/:name/pass': {
          POST: (request: BunRequest<'/v1/services/:name/pass'>) =>
            answer(async () => {
              const order = await bodyOf(request, PassOrder);
              if (!keeper.route(request.params.name)) throw unknown(request.params.name);
              return keeper.pass(request.params.name, order);
            }),
        },
        '/v1/services/:name/mirror': {
          GET: (request: BunRequest<'/v1/services/:name/mirror'>) =>
            reported(keeper, request.params.name, new URL(request.url).searchParams.get('id')),
          POST: (request: BunRequest<'/v1/services/:name/mirror'>) =>
            answer(async () => {
              const { mirror } = await bodyOf(request, AloneMirror);
              expectAlone(keeper, 'mirror');
              const route = keeper.route(request.params.name);
              if (!route) throw unknown(request.params.name);
              const { mirror: _former, ...rest } = route;
              const epoch = route.epoch + 1;
              return keeper.apply({
                ...rest,
                epoch,
                ...(mirror === null ? {} : { mirror: { ...mirror, to: other(route.live) } }),
              });
            }),
        },
        '/v1/services/:name/mode': {
          POST: (request: BunRequest<'/v1/services/:name/mode'>) =>
            answer(async () => {
              const mode = await bodyOf(request, Mode);
              expectAlone(keeper, 'mode');
              const route = keeper.route(request.params.name);
              if (!route) throw unknown(request.params.name);
              return keeper.apply({ ...route, mode, epoch: route.epoch + 1 });
            }),
        },
        '/v1/services/:name/weights': {
          POST: (request: BunRequest<'/v1/services/:name/weights'>) =>
            answer(async () => {
              const weights = await bodyOf(request, Weights);
              expectAlone(keeper, 'weights');
              const route = keeper.route(request.params.name);
              if (!route) throw unknown(request.params.name);
              return keeper.apply({ ...route, weights, epoch: route.epoch + 1 });
            }),
        },
        '/v1/joint/:order': {
          POST: (request: BunRequest<'/v1/joint/:order'>) =>
            answer(async () => {
              const order = await bodyOf(request, z.unknown());
              const obeyed = keeper.joint.obey(request.params.order, order);
              if (!obeyed)
                throw invalid(
                  `expected an order of protocol 1, found ${request.params.order}`,
                  'see src/proxy/admin/joint.ts for the orders',
                );
              return obeyed;
            }),
        },
        '/v1/sticky/rotate': {
          POST: () =>
            answer(async () => {
              await keeper.rotateStickyKey();
              return { rotated: true };
            }),
        },
        '/v1/upgrade': {
          POST: () =>
            answer(async () => {
              const to = await askVersion(options.successor);
              const { pid, bootId, version: from } = keeper.status();
              onUpgrade();
              void keeper.stop({ drainMs: 0, keepWorkers: true });
              return { upgrading: true, pid, bootId, from, to };
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
            'see docs/proxy.md for the routes',
          );
        }),
    }),
  );
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
      removeSocket(path);
    },
  };
}
