import type { HeaderOf } from './access.ts';
import type { HealthEndpoints } from './endpoints.ts';

/** As much of `http.IncomingMessage` as is read. */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** Express: the whole path, also below a router. */
  readonly originalUrl?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly socket: { readonly remoteAddress?: string | undefined };
  resume(): unknown;
}

/** As much of `http.ServerResponse` as is used. */
export interface NodeResponse {
  writeHead(status: number, headers: Record<string, string | number>): unknown;
  end(body?: string): unknown;
}

const headerOf =
  ({ headers }: NodeRequest): HeaderOf =>
  (name) => {
    const value = headers[name];
    return typeof value === 'object' ? value.join(', ') : value;
  };

/** Answers if the path is one of ours, and says whether it is; all others are left alone. For `node:http` and what is built on it. */
export function answerNode(health: HealthEndpoints, request: NodeRequest, response: NodeResponse): boolean {
  const path = request.originalUrl ?? request.url ?? '/';
  if (!health.owns(path)) return false;
  const { method = 'GET', socket } = request;
  // Taken now: a peer that has gone has no address any more, and is nobody's friend by that.
  const address = socket.remoteAddress;
  const peer = address === undefined ? null : { address };
  // No question has a body; one that is sent all the same must not hold up the connection.
  request.resume();
  void health.answer({ method, path, header: headerOf(request), peer }).then((answer) => {
    if (answer === null) return;
    const { status, headers, body } = answer;
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
    response.end(method === 'HEAD' ? undefined : body);
  });
  return true;
}

export type NodeMiddleware = (request: NodeRequest, response: NodeResponse, next: () => void) => void;

/** For Express, Connect and alike: `app.use(middleware)`, before whatever asks for a login. */
export const nodeMiddleware =
  (health: HealthEndpoints): NodeMiddleware =>
  (request, response, next) => {
    if (!answerNode(health, request, response)) next();
  };

/** As much of a Fastify server as is used. */
export interface FastifyLike {
  addHook(
    name: 'onRequest',
    hook: (
      request: { readonly raw: NodeRequest },
      reply: { readonly raw: NodeResponse; hijack(): unknown },
      done: () => void,
    ) => void,
  ): unknown;
}

export type FastifyHealth = (fastify: FastifyLike, options: unknown, done: () => void) => void;

/** For Fastify: `await app.register(plugin)`, before the routes. */
export function fastifyPlugin(health: HealthEndpoints): FastifyHealth {
  const plugin: FastifyHealth = (fastify, _options, done) => {
    fastify.addHook('onRequest', (request, reply, next) => {
      if (!health.owns(request.raw.url ?? '/')) return next();
      reply.hijack();
      answerNode(health, request.raw, reply.raw);
    });
    done();
  };
  // For the whole server, not only for what is registered within (Fastify, "Plugins": skip-override).
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'cutover-health',
  });
}
