import { z } from 'zod';
import { AccessLog } from './access-log.ts';
import { AddressText } from './address.ts';
import { Expectation } from './expectation.ts';
import {
  AuthorityDirectory,
  AuthorizedHost,
  ChallengeKind,
  defaultDirectory,
  Mail,
} from './certificate-authority.ts';
import { HostPattern, PathRule } from './claim.ts';
import { Duration } from './duration.ts';
import { entranceFields } from './entrance.ts';
import { InstanceRules } from './instance-policy.ts';
import { jsonPathPattern } from './json-path.ts';
import { Limits } from './limits.ts';
import { LoadCheck, longestLoadMs } from './load-check.ts';
import { ModeRules } from './mode.ts';
import { ErrorPages } from './page.ts';
import { HeaderName, Sticky, stickyRules } from './sticky.ts';
import { Otlp } from './tracing.ts';
import { Upstream } from './upstream.ts';

const nameError = {
  error:
    'expected a name of lower-case letters, digits and dashes, at most 40, not beginning or ending with a dash',
};
const name = z.string(nameError).regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, nameError);

const argvError = { error: 'expected a list of words, the program first, e.g. [node, server.js]' };
const word = z
  .string(argvError)
  .min(1, { error: 'expected a word that is not empty' })
  .max(4096, { error: 'expected a word of at most 4096 characters' })
  .regex(/^[^\0]*$/, { error: 'expected a word without a NUL character' });
const argv = z
  // A whole number is a word that YAML took for a number: [python3, -m, http.server, 8000].
  .array(
    z.union([word, z.int().transform(String)], { error: 'expected a word or a whole number' }),
    argvError,
  )
  .min(1, argvError)
  .max(256)
  .meta({ title: 'command', description: 'The program and its arguments, as a list: no shell reads it.' });

const variables = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'expected the name of an environment variable' }),
    z.union(
      [
        z.string().regex(/^[^\0]*$/, { error: 'expected text without a NUL character' }),
        z.number().transform(String),
        z.boolean().transform(String),
        z
          .strictObject({
            file: z
              .string()
              .min(1)
              .describe('The file, relative to the spec. A line break at its end is not part of the value.'),
          })
          .describe('Read from a file when the instance starts; for secrets.'),
      ],
      { error: 'expected text, a number, true, false or {file: PATH}' },
    ),
  )
  .describe(
    'Environment variables. A value `{file: PATH}` is read when an instance starts and is never recorded.',
  );

const statusError = { error: 'expected a status such as 200, 2xx or 200-399' };
const HttpCheck = z.strictObject({
  path: z
    .string()
    .startsWith('/', { error: 'expected a path that begins with /' })
    .default('/')
    .describe('The path that is asked for.'),
  method: z.enum(['GET', 'HEAD', 'POST', 'OPTIONS']).default('GET').describe('The method of the request.'),
  status: z
    .union(
      [
        z.int().min(100, statusError).max(599, statusError),
        z.string().regex(/^[1-5](xx|\d\d)(-[1-5]\d\d)?$/, statusError),
      ],
      statusError,
    )
    .default('2xx')
    .describe(
      'A status such as 200, a class such as 2xx, or a range such as 200-399. Redirects are not followed.',
    ),
  headers: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'expected the name of a header' }),
      z.string().regex(/^[^\r\n\0]*$/, { error: 'expected the value of a header, in one line' }),
    )
    .default({})
    .describe('Headers that are sent.'),
  contains: z.string().optional().describe('Text that the body must contain.'),
});

const jsonPathError = { error: 'expected a JSONPath to one place, e.g. $.items[0].name' };
/** What a release is asked before it gets traffic may be looked at more closely than what is asked again and again. */
const VerifyHttp = HttpCheck.extend({
  responseHeaders: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'expected the name of a header' }),
      Expectation,
    )
    .default({})
    .describe('What headers of the answer must be, e.g. {cache-control: {contains: max-age}}.'),
  json: z
    .record(z.string(jsonPathError).regex(jsonPathPattern, jsonPathError), Expectation)
    .default({})
    .describe('What must be in a JSON body, by JSONPath, e.g. {$.status: ok, "$.items[0].price": {min: 1}}.'),
  within: Duration.optional().describe('The whole answer must be there within this time.'),
});

const checkKind = {
  http: HttpCheck.optional().describe('A request is answered as expected.'),
  tcp: z.literal(true).optional().describe('The address accepts a connection.'),
  command: argv
    .optional()
    .describe(
      'Exits 0. It runs in the release with CUTOVER_ADDRESS, CUTOVER_URL, HOST and PORT in its environment.',
    ),
};

/** Exactly one of these keys must be there: the rule, its error, and the same rule for the JSON Schema. */
const exactlyOne = <K extends string>(...kinds: K[]) => ({
  holds: (check: Partial<Record<K, unknown>>): boolean =>
    kinds.filter((kind) => check[kind] !== undefined).length === 1,
  error: { error: `expected exactly one of ${kinds.slice(0, -1).join(', ')} and ${kinds.at(-1)}` },
  schema: { oneOf: kinds.map((kind) => ({ required: [kind] })) },
});
const oneCheck = exactlyOne('http', 'tcp', 'command', 'load');
const oneHealth = exactlyOne('http', 'tcp', 'command', 'running');

export const Health = z
  .strictObject({
    ...checkKind,
    running: Duration.optional().describe(
      'It has run for so long without ending. For layers that listen nowhere, such as workers.',
    ),
    interval: Duration.default(250).describe('Between two probes of an instance.'),
    timeout: Duration.default(2000).describe('For one probe.'),
    startPeriod: Duration.default(30_000).describe('How long an instance may take to become healthy.'),
    healthy: z
      .int()
      .min(1)
      .max(100)
      .default(1)
      .describe('Good probes in a row that make an instance healthy.'),
    unhealthy: z
      .int()
      .min(1)
      .max(100)
      .default(3)
      .describe('Bad probes in a row that make it unhealthy again.'),
  })
  .refine(oneHealth.holds, oneHealth.error)
  .meta(oneHealth.schema);
export type Health = z.infer<typeof Health>;

export const Check = z
  .strictObject({
    name: z.string().min(1).max(80).optional().describe('What the check is called in plans and receipts.'),
    ...checkKind,
    http: VerifyHttp.optional().describe('A request is answered as expected.'),
    load: LoadCheck.refine(({ duration }) => duration > 0 && duration <= longestLoadMs, {
      error: 'expected a duration above 0 and of at most 1h',
      path: ['duration'],
    })
      .optional()
      .describe('Many requests, at a steady rate, are answered as expected.'),
    timeout: Duration.default(10_000).describe('For one attempt; with `load`, for each of its requests.'),
    attempts: z
      .int()
      .min(1)
      .max(100)
      .default(1)
      .describe('How often it is tried before it counts as failed.'),
    interval: Duration.default(500).describe('Between two attempts.'),
  })
  .refine(oneCheck.holds, oneCheck.error)
  .meta(oneCheck.schema);
export type Check = z.infer<typeof Check>;

export const Layer = z.strictObject({
  command: argv.describe(
    'The program of an instance and its arguments, as a list: no shell reads it. It runs in the release.',
  ),
  instances: z.int().min(1).max(64).default(1).describe('How many copies run in each environment.'),
  port: z
    .union([z.int().min(1).max(65535), z.literal('auto')], {
      error: 'expected a port from 1 to 65535, or auto',
    })
    .default('auto')
    .describe('The first instance’s port; the others follow it.'),
  variables: variables
    .default({})
    .describe('For the instances of this layer; they win over those of both environments.'),
  health: Health.optional().describe(
    'When an instance counts as healthy. Default: it accepts a TCP connection; in a layer that gets no traffic, it has run for 1s.',
  ),
  stop: z
    .strictObject({
      signal: z
        .enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'])
        .default('SIGTERM')
        .describe('The signal that asks it to end.'),
      grace: Duration.default(10_000).describe('From the signal until it is killed.'),
    })
    .default({ signal: 'SIGTERM', grace: 10_000 })
    .describe('How an instance is stopped.'),
  restart: z
    .strictObject({
      backoff: Duration.default(500).describe(
        'Before the first restart of a crashed instance; doubles each time.',
      ),
      max: Duration.default(30_000).describe('The longest wait between restarts.'),
    })
    .default({ backoff: 500, max: 30_000 })
    .describe('How a crashed instance is started again.'),
  logs: z
    .strictObject({
      maxBytes: z.int().min(4096).default(10_485_760).describe('A log file is rotated at this size.'),
      files: z.int().min(1).max(100).default(3).describe('Rotated files that are kept.'),
    })
    .default({ maxBytes: 10_485_760, files: 3 })
    .describe('The files that take what an instance prints.'),
});
export type Layer = z.infer<typeof Layer>;

const Overrides = z.strictObject({
  variables: variables.default({}).describe('Added to those of the layer; these win.'),
});

const file = z.string().min(1, { error: 'expected the path of a file' });
const Acme = z.strictObject({
  hosts: z
    .array(AuthorizedHost)
    .min(1, { error: 'expected at least one host' })
    .max(1000)
    .describe('The hosts; each gets a certificate of its own.'),
  email: Mail.optional().describe('Where the authority writes about the account.'),
  directory: AuthorityDirectory.default(defaultDirectory).describe(
    'The directory of the authority. Default: Let’s Encrypt.',
  ),
  ca: file
    .optional()
    .describe(
      'Certificates (PEM) by which the authority’s own server is trusted, for a private or a test authority.',
    ),
  challenge: ChallengeKind.default('http-01').describe(
    'How the authority is shown that a host is ours: by a file over plain HTTP at port 80, or in a TLS handshake at port 443.',
  ),
  agreeTos: z
    .literal(true, { error: 'expected true: an authority signs only for those who agree to its terms' })
    .describe('That you agree to the authority’s terms of service.'),
});
const Tls = z
  .strictObject({
    certificates: z
      .array(
        z.strictObject({
          cert: file.describe('The chain in PEM, the certificate of the host first.'),
          key: file.describe('Its private key in PEM. It is read by the proxy and never recorded.'),
          hosts: z
            .array(
              z.string().regex(/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, {
                error: 'expected a host name in lower case, e.g. shop.example or *.shop.example',
              }),
            )
            .max(1000)
            .default([])
            .describe('The hosts that it is for. Default: those that the certificate names.'),
        }),
      )
      .max(1000)
      .default([])
      .describe(
        'The certificates, chosen by the host that a client asks for (SNI); the first is for all others. Files are relative to the spec, and are read again when they change.',
      ),
    redirect: AddressText.optional().describe('Where plain HTTP is answered with a redirect to https (308).'),
    hsts: Duration.optional().describe(
      'For how long browsers may use nothing but https: Strict-Transport-Security is sent.',
    ),
    clientCa: file
      .optional()
      .describe('Authorities (PEM) that sign the certificates of clients; clients are then asked for one.'),
    clientAuth: z
      .enum(['required', 'optional'])
      .default('required')
      .describe('With `clientCa`: whether a client without a good certificate is refused.'),
    acme: Acme.optional().describe(
      'Has the proxy obtain certificates from an authority by itself, and renew them (RFC 8555).',
    ),
  })
  .refine(({ certificates, acme }) => certificates.length > 0 || acme !== undefined, {
    error: 'expected at least one certificate, or acme',
    path: ['certificates'],
  });

/** As much of a spec as the rule about the routed layer looks at. */
const LayersOnly = z.looseObject({
  router: z.looseObject({ layer: name.optional() }),
  environments: z.looseObject({
    layers: z.record(name, z.unknown()).refine((layers) => Object.keys(layers).length > 0),
  }),
});

/** What a user writes in `cutover.yaml`. `Spec` is the parsed form: defaults filled in, durations in milliseconds. */
export const Spec = z
  .strictObject({
    service: name.describe('The name of the service.'),
    router: z
      .strictObject({
        driver: z
          .enum(['embedded'])
          .default('embedded')
          .describe('What decides which environment gets a request: our own proxy.'),
        listen: AddressText.describe('Where users reach the service.'),
        preview: AddressText.optional().describe('Always the side that is not live, for testers.'),
        previewHost: z
          .string()
          .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, {
            error: 'expected a host name in lower case, e.g. preview.shop.example',
          })
          .optional()
          .describe('A host name on `listen` that always reaches the side that is not live.'),
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
        layer: name
          .optional()
          .describe('The layer that gets the traffic. Default: `web`, or the only layer.'),
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
        modes: ModeRules.default(ModeRules.parse({})).describe(
          'What holding and closing the service is like, unless an order says otherwise. See docs/modes.md.',
        ),
        limits: Limits.default(Limits.parse({})).describe(
          'What clients and instances may take, in bytes and time. See docs/limits.md.',
        ),
      })
      .superRefine(stickyRules)
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
      )
      .describe('How traffic reaches the service.'),
    platform: z
      .strictObject({
        driver: z
          .enum(['process'])
          .default('process')
          .describe('Where environments run: processes of this machine.'),
        addresses: z
          .enum(['ip', 'port'])
          .default('ip')
          .describe(
            '`ip`: each colour has an IP address of its own (127.0.x.y, Linux only; elsewhere as `port`). `port`: 127.0.0.1 and a port.',
          ),
      })
      .default({ driver: 'process', addresses: 'ip' })
      .describe('Where environments run.'),
    release: z
      .strictObject({
        from: z
          .string()
          .min(1)
          .default('.')
          .describe('A directory, a .tar, .tar.gz or .tgz archive, or git:REVISION, relative to the spec.'),
        exclude: z
          .array(z.string().min(1))
          .default([])
          .describe('Paths in a directory that are not shipped. `.git` and `.cutover` never are.'),
        build: z
          .array(argv)
          .max(32)
          .default([])
          .describe('Commands run in the release before it is sealed, e.g. [[npm, ci]].'),
      })
      .default({ from: '.', exclude: [], build: [] })
      .describe('What is shipped.'),
    environments: z
      .strictObject({
        variables: variables.default({}).describe('For every layer of both environments.'),
        layers: z
          .record(name, Layer)
          .refine((layers) => Object.keys(layers).length > 0, { error: 'expected at least one layer' })
          .meta({ minProperties: 1 })
          .describe('The kinds of parts, by name.'),
        blue: Overrides.default({ variables: {} }).describe('What only blue has.'),
        green: Overrides.default({ variables: {} }).describe('What only green has.'),
      })
      .describe('The two environments. Layers are written once: blue and green are as alike as can be.'),
    strategy: z
      .strictObject({
        kind: z
          .enum(['blue-green'])
          .default('blue-green')
          .describe('All traffic is switched at once, and can be switched back.'),
        drain: Duration.default(30_000).describe(
          'How long the old side may take to finish what it has begun.',
        ),
        leftover: z
          .enum(['close', 'keep'])
          .default('close')
          .describe(
            'What becomes of what is still in flight on the old side then, such as WebSockets: `close`: it is ended, one after the other. `keep`: it goes on until its side is stopped. See docs/long-lived.md.',
          ),
        closeOver: Duration.default(10_000).describe(
          'The time over which what is left is ended, spread evenly: whoever is cut comes back, and not all at once.',
        ),
        bake: Duration.default(0).describe(
          'How long the new side is watched after the switch, ready to go back by itself if it does badly.',
        ),
      })
      .default({ kind: 'blue-green', drain: 30_000, leftover: 'close', closeOver: 10_000, bake: 0 })
      .describe('How a release is taken live.'),
    checks: z
      .array(Check)
      .max(100)
      .default([])
      .describe('Verify: must hold on the new side before the switch.'),
    keep: Duration.default(3_600_000).describe('How long the old side is kept hot for the way back.'),
    keepReleases: z
      .int()
      .min(2)
      .max(1000)
      .default(5)
      .describe('Releases kept on disk; those that a rollback needs always are.'),
  })
  .superRefine(
    (spec, context) => {
      const layers = Object.keys(spec.environments.layers);
      const { layer } = spec.router;
      if (layer !== undefined && !layers.includes(layer)) {
        context.addIssue({
          code: 'custom',
          path: ['router', 'layer'],
          input: layer,
          message: `expected one of the layers: ${layers.join(', ')}`,
        });
      } else if (layer === undefined && layers.length > 1 && !layers.includes('web')) {
        context.addIssue({
          code: 'custom',
          path: ['router', 'layer'],
          input: layer,
          message: `expected one of the layers ${layers.join(', ')}, since there are several and none is named web`,
        });
      }
    },
    // Also where other parts are wrong, so that all problems are told at once.
    { when: ({ value }) => LayersOnly.safeParse(value).success },
  );
export type Spec = z.infer<typeof Spec>;
export type SpecInput = z.input<typeof Spec>;

/** The layer that gets the traffic. */
export function routedLayer(spec: Spec): string {
  const layers = Object.keys(spec.environments.layers);
  return spec.router.layer ?? (layers.includes('web') ? 'web' : (layers[0] ?? 'web'));
}

const probing = { interval: 250, timeout: 2000, startPeriod: 30_000, healthy: 1, unhealthy: 3 };

/** When an instance of a layer counts as healthy, with the default where the spec says nothing. */
export function healthOf(spec: Spec, layer: string): Health {
  const written = spec.environments.layers[layer]?.health;
  if (written) return written;
  return layer === routedLayer(spec) ? { ...probing, tcp: true } : { ...probing, running: 1000 };
}
