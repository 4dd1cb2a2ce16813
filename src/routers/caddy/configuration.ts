import { z } from 'zod';
import { CutoverError } from '../../core/errors.ts';
import type { AdminApi, Order } from './admin-api.ts';
import type { Answer } from './answer.ts';
import { isOurName } from './render.ts';

const Servers = z.record(z.string(), z.unknown());
const Configuration = z
  .looseObject({
    admin: z
      .looseObject({ config: z.looseObject({ persist: z.boolean().optional() }).optional() })
      .optional(),
    apps: z.looseObject({ http: z.looseObject({ servers: Servers.nullish() }).nullish() }).nullish(),
  })
  .nullable();

const Refusal = z.looseObject({ error: z.string() });

/** Caddy's own word for why it did not do it. */
function reasonIn({ status, body }: Answer): string {
  try {
    const said = Refusal.safeParse(JSON.parse(body));
    if (said.success) return said.data.error;
  } catch {
    // No JSON: then as it stands.
  }
  return `status ${status} ${body.slice(0, 500)}`.trim();
}

const refused = (what: string, answer: Answer): CutoverError =>
  new CutoverError('router-refused', `Caddy, ${what}, said: ${reasonIn(answer)}`, {
    next: 'nothing was changed; Caddy’s log says more',
  });

/** What Caddy goes by at a moment. */
export interface Seen {
  readonly etag: string;
  /** The servers of its app `http`; null: there are none yet. */
  readonly servers: Readonly<Record<string, unknown>> | null;
  /** Those of them that are ours. */
  readonly ours: Readonly<Record<string, unknown>>;
  /** Caddy keeps its configuration for `caddy run --resume`. */
  readonly kept: boolean;
  /** The deepest part that is there on the way to the servers. */
  readonly depth: number;
}

/** The path to the servers, part by part. */
const way = ['apps', 'http', 'servers'];

/** Reads what Caddy has. @throws CutoverError `router-absent`, `router-refused` */
export async function seeConfiguration(api: AdminApi): Promise<Seen> {
  const answer = await api.order({ method: 'GET', path: '/config/' });
  if (answer.status !== 200) throw refused('asked for its configuration', answer);
  const parsed = Configuration.safeParse(JSON.parse(answer.body));
  if (!parsed.success || answer.etag === null)
    throw new CutoverError(
      'router-refused',
      `Caddy at ${api.admin}: expected its configuration with an ETag, found ${parsed.success ? 'no ETag' : z.prettifyError(parsed.error)}`,
      { next: 'is this Caddy 2.6 or newer?' },
    );
  const config = parsed.data;
  const servers = config?.apps?.http?.servers ?? null;
  const parts = [config, config?.apps, config?.apps?.http, servers];
  const depth = parts.findIndex((part) => part === null || part === undefined);
  return {
    etag: answer.etag,
    servers,
    ours: ownedIn(servers ?? {}, api.admin),
    kept: config?.admin?.config?.persist !== false,
    depth: depth < 0 ? way.length : depth - 1,
  };
}

/** A server that has a name of ours and not our mark belongs to somebody. */
function ownedIn(servers: Readonly<Record<string, unknown>>, admin: string): Record<string, unknown> {
  const Marked = z.looseObject({ '@id': z.string() });
  const ours = Object.entries(servers).filter(([name]) => isOurName(name));
  for (const [name, server] of ours) {
    const marked = Marked.safeParse(server);
    if (!marked.success || marked.data['@id'] !== name)
      throw new CutoverError(
        'router-refused',
        `Caddy at ${admin} has a server ${name} without "@id": "${name}", expected it to be Cutover’s`,
        { next: 'nothing was changed; give your server another name' },
      );
  }
  return Object.fromEntries(ours);
}

/**
 * Puts our servers in place of those of ours that were seen, all others as they were: in one load of the configuration, and only if
 * nobody changed it since it was seen.
 *
 * @returns false: somebody did
 * @throws CutoverError `router-refused` if Caddy does not take it; it then goes on as before
 */
export async function putServers(
  api: AdminApi,
  seen: Seen,
  ours: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const theirs = Object.entries(seen.servers ?? {}).filter(([name]) => !isOurName(name));
  const servers = { ...Object.fromEntries(theirs), ...ours };
  // What is missing on the way comes with it.
  const body = way.slice(seen.depth + 1).reduceRight<unknown>((inner, part) => ({ [part]: inner }), servers);
  const path = `/config/${way.slice(0, seen.depth + 1).join('/')}`;
  const order: Order =
    seen.depth < 0
      ? { method: 'POST', path: '/config/', body: JSON.stringify({ apps: { http: { servers } } }) }
      : seen.servers === null
        ? { method: 'PUT', path, body: JSON.stringify(body) }
        : { method: 'PATCH', path: `/config/${way.join('/')}`, body: JSON.stringify(servers) };
  const answer = await api.order({ ...order, ifMatch: seen.etag });
  if (answer.status === 412) return false;
  if (answer.status !== 200) throw refused('told of a changed configuration', answer);
  return true;
}
