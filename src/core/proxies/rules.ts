import { z } from 'zod';
import { Duration } from '../duration.ts';
import { Name } from '../spec/name.ts';

/** The proxy that the controller starts by itself, where a spec names others beside it. */
export const localProxy = 'local';

const missing = z.enum(['refuse', 'go-on']);
const unreachable = z.enum(['wait', 'serve']);

/** What a user writes under `router` for a service that enters by several proxies. */
export const proxyFields = {
  proxies: z
    .array(Name)
    .max(32)
    .default([])
    .describe(
      'The proxies by which the service is entered, as `cutover proxy enroll` named them; `local` is the one beside the controller. Default: that one alone. See [proxies.md](proxies.md).',
    ),
  missing: missing
    .default('refuse')
    .describe(
      'What a switch does when one of `proxies` does not answer: `refuse` changes nothing anywhere, `go-on` goes on without it.',
    ),
  unreachable: unreachable
    .default('wait')
    .describe(
      'What one of `proxies` does when it cannot know whether its table is the last: `wait` answers 503 until it has heard of the controller, `serve` goes on by its last table.',
    ),
  hold: Duration.default(2000).describe(
    'For how long one of `proxies` holds new requests at a switch; then it lets them go by itself. 100 ms to 30 s.',
  ),
  lease: Duration.default(10_000).describe(
    'With `missing: go-on` and `unreachable: wait`: for how long a proxy serves without hearing of the controller, and how long a switch waits before it goes on without one. 2 s to 10 minutes.',
  ),
};

/** The same as a route has it. */
export const RouteProxies = z.object({
  names: z.array(z.string().min(1).max(40)).min(1).max(32),
  missing,
  unreachable,
  holdMs: z.number().min(1).max(30_000),
  leaseMs: z.number().min(1).max(600_000),
});
export type RouteProxies = z.infer<typeof RouteProxies>;

/** Of a service that enters by the local proxy alone. */
export const localRules: RouteProxies = {
  names: [localProxy],
  missing: 'refuse',
  unreachable: 'wait',
  holdMs: 2000,
  leaseMs: 10_000,
};

interface Written {
  readonly proxies: readonly string[];
  readonly missing: RouteProxies['missing'];
  readonly unreachable: RouteProxies['unreachable'];
  readonly hold: number;
  readonly lease: number;
}

/** Undefined where the local proxy is the only one. */
export function routeProxiesOf({
  proxies,
  missing,
  unreachable,
  hold,
  lease,
}: Written): RouteProxies | undefined {
  if (proxies.length === 0) return undefined;
  return { names: [...proxies], missing, unreachable, holdMs: hold, leaseMs: lease };
}

/** A proxy that may be left out serves only while it has heard of the controller lately: else nobody knew when it is over. */
export const isLeased = (rules: Pick<RouteProxies, 'missing' | 'unreachable'> | undefined): boolean =>
  rules?.missing === 'go-on' && rules.unreachable === 'wait';

/** What several proxies cannot do together, and what is of no use without them. */
export function proxyRules(
  router: Written & {
    readonly driver: string;
    readonly protocol: string;
    readonly sticky?: { readonly by: string } | undefined;
    readonly previewCookie?: unknown;
    readonly listen: { readonly port: number };
  },
  context: z.RefinementCtx,
): void {
  const issue = (path: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [path], input: path, message });
  const { proxies, missing, unreachable, hold, lease } = router;
  if (proxies.length === 0) {
    if (missing !== 'refuse' || unreachable !== 'wait')
      issue(
        missing === 'refuse' ? 'unreachable' : 'missing',
        'expected router.proxies with it: it says what becomes of one of several',
      );
    return;
  }
  if (router.driver !== 'embedded') issue('proxies', 'expected no proxies but with driver: embedded');
  const twice = proxies.findIndex((name, index) => proxies.indexOf(name) !== index);
  if (twice !== -1) issue('proxies', `expected each proxy once, found ${proxies[twice]} twice`);
  if (hold < 100 || hold > 30_000) issue('hold', 'expected 100ms to 30s');
  if (lease < 2000 || lease > 600_000) issue('lease', 'expected 2s to 10m');
  if (router.protocol === 'tcp')
    issue(
      'proxies',
      'expected no proxies with protocol tcp: what is held at a switch are requests, and none is read there',
    );
  if (router.listen.port === 0)
    issue('listen', 'expected a port with proxies: it is the same at each of them');
  if (router.previewCookie !== undefined)
    issue(
      'previewCookie',
      'expected no previewCookie with proxies: each signs with a key of its own; previewHeader and previewHost are the same at each',
    );
  if (proxies.length < 2) return;
  if (router.sticky?.by === 'cookie')
    issue(
      'sticky',
      'expected no sticky.by: cookie with several proxies: each signs with a key of its own; by: client and by: header go the same way at each',
    );
}
