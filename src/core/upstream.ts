import { z } from 'zod';
import { proxyVersions } from './proxy-header.ts';

export const ProxyVersion = z.enum(proxyVersions);
const file = z.string().min(1, { error: 'expected the path of a file' });
const nameError = {
  error: 'expected a host name in lower case, or an IP address, e.g. instances.shop.internal',
};

/** What a user writes under `router.upstream.tls`. */
const UpstreamTls = z
  .strictObject({
    ca: file
      .optional()
      .describe(
        'The authorities (PEM) that sign the certificates of instances. Default: those of the system.',
      ),
    serverName: z
      .string(nameError)
      .max(253, nameError)
      .regex(/^[a-z0-9]([a-z0-9.:_-]*[a-z0-9])?$/, nameError)
      .optional()
      .describe(
        'The name that is asked for (SNI) and that the certificate must hold. Default: the host of the instance’s address.',
      ),
    cert: file
      .optional()
      .describe('Our own certificate (PEM, with its chain), for instances that want one of their clients.'),
    key: file.optional().describe('Its private key in PEM. It is read by the proxy and never recorded.'),
    verify: z
      .boolean()
      .default(true)
      .describe('`false`: any certificate is taken, so that whoever sits between can read and change all.'),
  })
  .superRefine(({ cert, key }, context) => {
    if ((cert === undefined) === (key === undefined)) return;
    const [there, absent] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    context.addIssue({
      code: 'custom',
      path: [absent],
      input: undefined,
      message: `expected ${absent} beside ${there}: a certificate and its key go together`,
    });
  });

/** What a user writes under `router.upstream`: how instances are spoken to. */
export const Upstream = z
  .strictObject({
    protocol: z
      .enum(['http1', 'h2'])
      .default('http1')
      .describe(
        '`http1`: HTTP/1.1. `h2`: HTTP/2, by ALPN over TLS and with prior knowledge (h2c) without; for gRPC.',
      ),
    tls: UpstreamTls.optional().describe(
      'TLS (1.2 and 1.3) to the instances; `{}` is enough. Default: none. Files are relative to the spec, and are read again when they change.',
    ),
    sendProxy: ProxyVersion.optional().describe(
      'Each connection to an instance begins with a header of the PROXY protocol that says who the client is: `v1`, a line of text, or `v2`. Default: none.',
    ),
  })
  .superRefine(({ protocol, sendProxy }, context) => {
    if (protocol !== 'h2' || sendProxy === undefined) return;
    context.addIssue({
      code: 'custom',
      path: ['sendProxy'],
      input: sendProxy,
      message:
        'expected no sendProxy with protocol h2: a session carries the requests of many clients, and its header tells of one',
    });
  });
export type Upstream = z.infer<typeof Upstream>;

/** TLS to instances, on the wire to a router. Files are named by absolute paths, so that no key is in a log. */
export const RouteUpstreamTls = z.object({
  /** Null: the authorities of the system. */
  ca: z.string().nullable(),
  /** Null: the host of the instance's address. */
  serverName: z.string().nullable(),
  /** Our certificate; both are null if instances want none. */
  cert: z.string().nullable(),
  key: z.string().nullable(),
  verify: z.boolean(),
});
export type RouteUpstreamTls = z.infer<typeof RouteUpstreamTls>;

/** How the instances of a side are spoken to. */
export const RouteUpstream = z.object({
  protocol: z.enum(['http1', 'h2']),
  tls: RouteUpstreamTls.nullable(),
  /** The header of the PROXY protocol that connections begin with; absent: none. */
  sendProxy: ProxyVersion.optional(),
});
export type RouteUpstream = z.infer<typeof RouteUpstream>;

/** The same for a router, files named from `base`; undefined for plain HTTP/1.1. */
export function routeUpstreamOf(upstream: Upstream | undefined, base: string): RouteUpstream | undefined {
  if (upstream === undefined) return undefined;
  const { protocol, tls, sendProxy } = upstream;
  if (protocol === 'http1' && tls === undefined && sendProxy === undefined) return undefined;
  const absolute = (path: string | undefined): string | null =>
    path === undefined ? null : path.startsWith('/') ? path : `${base}/${path}`;
  return {
    protocol,
    tls:
      tls === undefined
        ? null
        : {
            ca: absolute(tls.ca),
            serverName: tls.serverName ?? null,
            cert: absolute(tls.cert),
            key: absolute(tls.key),
            verify: tls.verify,
          },
    ...(sendProxy !== undefined && { sendProxy }),
  };
}
