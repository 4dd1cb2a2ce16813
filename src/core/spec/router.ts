import { z } from 'zod';
import { AccessLog } from '../access-log.ts';
import { Assets, assetRules } from '../assets.ts';
import { AddressText } from '../address.ts';
import { AgentsSettings } from './agents.ts';
import { HostPattern, PathRule } from '../claim.ts';
import { entranceFields } from '../entrance.ts';
import { InstanceRules } from '../instance-policy.ts';
import { Limits } from '../limits.ts';
import { ModeRules } from '../mode.ts';
import { ErrorPages } from '../page.ts';
import { proxyFields, proxyRules } from '../proxies/rules.ts';
import { HeaderName, Sticky, stickyRules } from '../sticky.ts';
import { PreviewCookie, PreviewHeader, testerRules } from '../testers.ts';
import { Otlp } from '../tracing.ts';
import { Upstream } from '../upstream.ts';
import { HaproxySettings } from './haproxy.ts';
import { KernelSettings } from './kernel.ts';
import { CommandRouterSettings } from './command-router.ts';
import { Name } from './name.ts';
import { CaddySettings } from './caddy.ts';
import { DnsSettings } from './dns.ts';
import { NginxSettings } from './nginx.ts';
import { dnsRules, driverRules, routerDrivers } from './router-drivers.ts';
import { Tls } from './tls.ts';

/** How traffic reaches the service, as a user writes it under `router`. */
export const RouterSpec = z
  .strictObject({
    driver: z
      .enum(routerDrivers)
      .default('embedded')
      .describe(
        'What decides which environment gets a request: `embedded`, our own proxy, or a program that is there already. See [routers.md](routers.md).',
      ),
    listen: AddressText.describe('Where users reach the service.'),
    preview: AddressText.optional().describe('Always the side that is not live, for testers.'),
    previewHost: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, {
        error: 'expected a host name in lower case, e.g. preview.shop.example',
      })
      .optional()
      .describe('A host name on `listen` that always reaches the side that is not live.'),
    previewHeader: PreviewHeader.optional().describe(
      'A header with a secret, by which requests on `listen` reach the next release. Default: none. See docs/preview.md.',
    ),
    previewCookie: PreviewCookie.optional().describe(
      'Links that give a tester’s browser a signed cookie, by which it reaches the next release on `listen`; {} is enough. Default: none.',
    ),
    tls: Tls.optional().describe('TLS (1.2 and 1.3) on `listen` and `preview`. Default: plain HTTP.'),
    ...entranceFields,
    requestId: z
      .boolean()
      .default(false)
      .describe(
        'Gives each request an `X-Request-Id`: the one that it came with if that is well-formed, else a new one. See docs/tracing.md.',
      ),
    traceContext: z
      .boolean()
      .default(false)
      .describe(
        'Sees to it that each request has a valid `traceparent` (W3C Trace Context): the one that it came with, else a new one.',
      ),
    tracing: z
      .strictObject({
        otlp: Otlp.optional().describe('Where the spans of requests are sent. Default: none are made.'),
      })
      .optional()
      .describe('Spans for OpenTelemetry. See docs/tracing.md.'),
    accessLog: AccessLog.optional().describe(
      'A line for each request. Default: none. See docs/access-log.md.',
    ),
    hosts: z
      .array(HostPattern)
      .max(20_000)
      .default([])
      .describe(
        'Only requests for these hosts are this service’s, e.g. [shop.example, "*.shop.example"]. Default: any. See [routing.md](routing.md).',
      ),
    paths: z
      .array(PathRule)
      .max(100)
      .default([])
      .describe(
        'Only paths that begin so are this service’s, e.g. [{prefix: /api, strip: true}]. Default: all.',
      ),
    layer: Name.optional().describe('The layer that gets the traffic. Default: `web`, or the only layer.'),
    protocol: z
      .enum(['http', 'tcp'])
      .default('http')
      .describe(
        '`http`: each request goes to the side that is live. `tcp`: each connection does, whatever is in it. See docs/tcp.md.',
      ),
    upstream: Upstream.optional().describe(
      'How instances are spoken to: TLS, HTTP/2, the PROXY protocol. Default: plain HTTP/1.1. See docs/upstream.md.',
    ),
    instances: InstanceRules.default(InstanceRules.parse({})).describe(
      'How instances that do badly are passed over. See docs/instances.md.',
    ),
    sticky: Sticky.optional().describe(
      'Which requests go where others went before them. Default: each goes by itself. See docs/sticky.md.',
    ),
    sideHeader: HeaderName.optional().describe(
      'A header by which a client chooses `blue` or `green` while both get traffic, such as X-Environment. Default: none. See docs/routing.md.',
    ),
    errorPages: ErrorPages.optional().describe(
      'What the proxy answers with where it has to, e.g. {503: pages/503.html, 4xx: pages/4xx.html}: files, relative to the spec. See docs/pages.md.',
    ),
    assets: Assets.optional().describe(
      'Which paths the side that was live before may answer while it is kept, where the live one says 404, e.g. {paths: [/assets/*]}. Default: none. See docs/assets.md.',
    ),
    modes: ModeRules.default(ModeRules.parse({})).describe(
      'What holding and closing the service is like, unless an order says otherwise. See docs/modes.md.',
    ),
    limits: Limits.default(Limits.parse({})).describe(
      'What clients and instances may take, in bytes and time. See docs/limits.md.',
    ),
    ...proxyFields,
    kernel: KernelSettings.optional().describe(
      'With `driver: kernel`. See [routers/kernel.md](routers/kernel.md).',
    ),
    haproxy: HaproxySettings.optional().describe(
      'With `driver: haproxy`: where it is. See [routers/haproxy.md](routers/haproxy.md).',
    ),
    nginx: NginxSettings.optional().describe(
      'With `driver: nginx`: where it is. See [routers/nginx.md](routers/nginx.md).',
    ),
    caddy: CaddySettings.optional().describe(
      'With `driver: caddy`: where it is. See [routers/caddy.md](routers/caddy.md).',
    ),
    dns: DnsSettings.optional().describe(
      'With `driver: dns`: the zone, and who changes it. See [routers/dns.md](routers/dns.md).',
    ),
    agents: AgentsSettings.optional().describe(
      'With `driver: agents`: how the agents are reached, and what the balancers do. See [routers/agents.md](routers/agents.md).',
    ),
    command: CommandRouterSettings.optional().describe(
      'With `driver: command`: the program that tells the balancer. See [routers/command.md](routers/command.md).',
    ),
  })
  .superRefine(stickyRules)
  .superRefine(testerRules)
  .superRefine(assetRules)
  .superRefine(driverRules)
  .superRefine(dnsRules)
  .superRefine(proxyRules)
  .superRefine(
    ({ listen, preview, previewHost, hosts, paths, protocol, tls, errorPages, upstream }, context) => {
      if (protocol === 'tcp' && errorPages !== undefined) {
        context.addIssue({
          code: 'custom',
          path: ['errorPages'],
          input: 'errorPages',
          message: 'expected no errorPages with protocol tcp: nothing is answered there',
        });
      }
      if (protocol === 'tcp' && tls !== undefined) {
        context.addIssue({
          code: 'custom',
          path: ['tls'],
          input: 'tls',
          message: 'expected no tls with protocol tcp: the instances end it themselves',
        });
      }
      if (protocol === 'tcp' && upstream && (upstream.tls ?? upstream.protocol) !== 'http1') {
        context.addIssue({
          code: 'custom',
          path: ['upstream'],
          input: 'upstream',
          message:
            'expected nothing but sendProxy in upstream with protocol tcp: whatever clients send goes to the instances as it is',
        });
      }
      if (protocol === 'tcp' && (previewHost !== undefined || hosts.length > 0 || paths.length > 0)) {
        context.addIssue({
          code: 'custom',
          path: ['protocol'],
          input: protocol,
          message: 'expected no previewHost, hosts or paths with protocol tcp: no request is read',
        });
      }
      const twice = (what: string, list: readonly string[], path: readonly string[]): void => {
        const at = list.findIndex((item, index) => list.indexOf(item) !== index);
        if (at === -1) return;
        context.addIssue({
          code: 'custom',
          path: path.map((key) => (key === '#' ? at : key)),
          input: list[at],
          message: `expected each ${what} once`,
        });
      };
      twice('host', hosts, ['hosts', '#']);
      twice(
        'prefix',
        paths.map(({ prefix }) => prefix),
        ['paths', '#', 'prefix'],
      );
      if (previewHost !== undefined && hosts.includes(previewHost)) {
        context.addIssue({
          code: 'custom',
          path: ['previewHost'],
          input: previewHost,
          message: 'expected a host that is not one of router.hosts',
        });
      }
      if (preview && listen.port !== 0 && preview.port === listen.port && preview.host === listen.host) {
        context.addIssue({
          code: 'custom',
          path: ['preview'],
          input: preview,
          message: 'expected an address that differs from router.listen',
        });
      }
    },
  );
export type RouterSpec = z.infer<typeof RouterSpec>;
