import { z } from 'zod';
import { Duration } from './duration.ts';

const tokenError = { error: 'expected a name of letters, digits and !#$%&*+-.^_`|~' };
/** A token (RFC 9110 §5.6.2), without the quote that shells stumble over. */
const token = z
  .string(tokenError)
  .max(64, tokenError)
  .regex(/^[!#$%&*+.^_`|~0-9A-Za-z-]+$/, tokenError);
const pathError = { error: 'expected a path that begins with /, without spaces and semicolons' };

export const HeaderName = token;

/** What a user writes under `router.sticky`: which requests belong together, and how far. */
export const Sticky = z
  .strictObject({
    by: z
      .enum(['cookie', 'client', 'header'])
      .describe(
        '`cookie`: a signed one of the proxy’s own. `client`: the address of the client. `header`: the value of `header`, such as the id of a user.',
      ),
    scope: z
      .enum(['instance', 'environment'])
      .default('instance')
      .describe(
        '`instance`: requests that belong together go to the same instance while it lives. `environment`: to the same side while it has weight.',
      ),
    cookie: z
      .strictObject({
        name: token.optional().describe('Default: `cutover-` and the name of the service.'),
        maxAge: Duration.default(0).describe('How long browsers keep it. 0: until they are closed.'),
        sameSite: z.enum(['strict', 'lax', 'none']).default('lax').describe('`SameSite`.'),
        secure: z
          .boolean()
          .optional()
          .describe('`Secure`: only over TLS. Default: with `router.tls`. `none` needs it.'),
        path: z
          .string(pathError)
          .max(256, pathError)
          .regex(/^\/[!-:<-~]*$/, pathError)
          .default('/')
          .describe('`Path`.'),
      })
      .default({ maxAge: 0, sameSite: 'lax', path: '/' })
      .describe('The cookie, with `by: cookie`.'),
    header: HeaderName.optional().describe('The header, with `by: header`.'),
  })
  .refine(({ by, header }) => (by === 'header') === (header !== undefined), {
    error: 'expected header with by: header, and only then',
  });
export type Sticky = z.infer<typeof Sticky>;

/** The same on the wire to a router. */
export const RouteSticky = z.object({
  by: z.enum(['cookie', 'client', 'header']),
  scope: z.enum(['instance', 'environment']),
  /** Null unless `by` is cookie. */
  cookie: z
    .object({
      name: token,
      /** In seconds; 0: the session of the browser. */
      maxAgeS: z.int().min(0),
      sameSite: z.enum(['strict', 'lax', 'none']),
      secure: z.boolean(),
      path: z
        .string()
        .max(256)
        .regex(/^\/[!-:<-~]*$/),
    })
    .nullable(),
  /** Null unless `by` is header. */
  header: HeaderName.nullable(),
});
export type RouteSticky = z.infer<typeof RouteSticky>;

/** What a router should do of it for this service; `secure`: its clients come over TLS. */
export function routeStickyOf(
  { by, scope, cookie, header }: Sticky,
  service: string,
  secure: boolean,
): RouteSticky {
  return {
    by,
    scope,
    cookie:
      by === 'cookie'
        ? {
            // Services that share a host would overwrite each other’s.
            name: cookie.name ?? `cutover-${service}`,
            maxAgeS: Math.round(cookie.maxAge / 1000),
            sameSite: cookie.sameSite,
            secure: cookie.secure ?? secure,
            path: cookie.path,
          }
        : null,
    header: header ?? null,
  };
}

/** The same by value. */
export const sameSticky = (a: RouteSticky | undefined, b: RouteSticky | undefined): boolean =>
  JSON.stringify(a && RouteSticky.parse(a)) === JSON.stringify(b && RouteSticky.parse(b));

/** What of a router has to fit together. */
export function stickyRules(
  router: {
    readonly protocol: 'http' | 'tcp';
    readonly tls?: unknown;
    readonly sticky?: Sticky | undefined;
    readonly sideHeader?: string | undefined;
  },
  context: z.core.$RefinementCtx,
): void {
  const { protocol, tls, sticky, sideHeader } = router;
  const issue = (path: readonly string[], input: unknown, message: string): void => {
    context.issues.push({ code: 'custom', path: [...path], input, message });
  };
  if (protocol === 'tcp' && sticky !== undefined && sticky.by !== 'client')
    issue(['sticky', 'by'], sticky.by, 'expected client with protocol tcp: no request is read');
  if (protocol === 'tcp' && sideHeader !== undefined)
    issue(['sideHeader'], sideHeader, 'expected no sideHeader with protocol tcp: no request is read');
  if (
    sticky?.by === 'cookie' &&
    sticky.cookie.sameSite === 'none' &&
    !(sticky.cookie.secure ?? tls !== undefined)
  )
    issue(
      ['sticky', 'cookie', 'secure'],
      sticky.cookie.secure,
      'expected true with sameSite none, or browsers drop the cookie',
    );
}
