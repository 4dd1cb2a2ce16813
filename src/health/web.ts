import type { HealthEndpoints } from './endpoints.ts';
import { pathnameOf } from './pathname.ts';

/** What a server knows of who asks: `Bun.serve` hands it to `fetch`. */
export interface AddressBook {
  requestIP(request: Request): { readonly address: string } | null;
}

/** The answer if the path is one of ours; null for all others. For `Bun.serve`, and for servers that speak in `Request` and `Response`. */
export async function answerWeb(
  health: HealthEndpoints,
  request: Request,
  server: AddressBook | null,
): Promise<Response | null> {
  const pathname = pathnameOf(request.url);
  if (!health.owns(pathname)) return null;
  const peer = server?.requestIP(request) ?? null;
  return respond(health, request, pathname, peer === null ? null : { address: peer.address });
}

async function respond(
  health: HealthEndpoints,
  request: Request,
  path: string,
  peer: { readonly address: string } | null,
): Promise<Response | null> {
  const { method, headers } = request;
  const answer = await health.answer({ method, path, header: (name) => headers.get(name), peer });
  return (
    answer &&
    new Response(method === 'HEAD' ? null : answer.body, { status: answer.status, headers: answer.headers })
  );
}

/** As much of a Hono context as is read. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request };
  readonly env: unknown;
}

const has = <Key extends string>(value: unknown, key: Key): value is Record<Key, unknown> =>
  typeof value === 'object' && value !== null && key in value;

/** Who asks, as far as the runtime under Hono says: Bun (`env` or `env.server` is the server) or Node.js (`env.incoming`). */
function honoPeer({ env, req }: HonoContextLike): { readonly address: string } | null {
  const server = has(env, 'server') ? env.server : env;
  if (has(server, 'requestIP') && typeof server.requestIP === 'function') {
    const found: unknown = Reflect.apply(server.requestIP, server, [req.raw]);
    return has(found, 'address') && typeof found.address === 'string' ? { address: found.address } : null;
  }
  if (!has(env, 'incoming') || !has(env.incoming, 'socket')) return null;
  const { socket } = env.incoming;
  return has(socket, 'remoteAddress') && typeof socket.remoteAddress === 'string'
    ? { address: socket.remoteAddress }
    : null;
}

export type HonoHealth = (context: HonoContextLike, next: () => Promise<void>) => Promise<Response | void>;

/** For Hono: `app.use(middleware)`, before whatever asks for a login. */
export const honoMiddleware =
  (health: HealthEndpoints): HonoHealth =>
  async (context, next) => {
    const pathname = pathnameOf(context.req.raw.url);
    const answer = await respond(health, context.req.raw, pathname, honoPeer(context));
    return answer ?? next();
  };
