import { z } from 'zod';
import { Duration } from '../duration.ts';
import {
  type RouteMirror,
  IgnoreRule,
  isSafeMethod,
  MirrorMethod,
  safeMethods,
  SecretField,
  SecretPattern,
} from '../mirror/route-mirror.ts';
import type { Colour } from '../colour.ts';
import { Share, SomeShare } from '../share.ts';
import { HeaderName } from '../sticky.ts';

/** How live traffic is copied to a release before it gets any, as a user writes it under `mirror`. */
export const MirrorSpec = z
  .strictObject({
    share: SomeShare.prefault('5%').describe('Which share of the requests to live is copied.'),
    for: Duration.default(300_000).describe('How long.'),
    leastRequests: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(200)
      .describe('How many have to be compared at least.'),
    wait: Duration.default(600_000).describe(
      'How long beyond `for` it is waited for `leastRequests`; then the step fails.',
    ),
    methods: z
      .union([z.literal('safe'), z.array(MirrorMethod).min(1)], {
        error: 'expected safe, or a list of methods such as [GET, POST]',
      })
      .default('safe')
      .describe('Requests with which methods are copied. `safe`: GET, HEAD and OPTIONS.'),
    unsafe: z
      .boolean()
      .default(false)
      .describe(
        'Has to be true where `methods` names one that changes something: it is then done a second time, by the new release.',
      ),
    limit: z
      .strictObject({
        differences: Share.prefault('1%').describe('Which share of the answers may differ.'),
      })
      .prefault({})
      .describe('What is allowed; more, and the release gets no traffic.'),
    compare: z
      .strictObject({
        headers: z
          .array(HeaderName)
          .max(50)
          .default([
            'content-type',
            'content-encoding',
            'content-language',
            'content-disposition',
            'cache-control',
            'location',
            'www-authenticate',
          ])
          .describe('Which headers of the answers are compared.'),
        bodies: z.boolean().default(true).describe('Whether bodies are compared.'),
      })
      .prefault({})
      .describe('What is compared beside the status.'),
    ignore: z
      .array(IgnoreRule)
      .max(200)
      .default([])
      .describe(
        'What may differ: places in JSON such as $.requestId or $..updatedAt, headers such as "header date", or body. What differs between two answers of live is found by itself.',
      ),
    noise: z
      .boolean()
      .default(true)
      .describe(
        'Sends a request with a safe method to live once more where the answers differ, to see whether live differs from itself.',
      ),
    redact: z
      .strictObject({
        headers: z.array(HeaderName).max(50).default([]).describe('Headers.'),
        fields: z
          .array(SecretField)
          .max(100)
          .default([])
          .describe('Fields of JSON and forms, by name or as $.user.email.'),
        patterns: z
          .array(SecretPattern)
          .max(20)
          .default([])
          .describe('Regular expressions: what they find in any text.'),
      })
      .prefault({})
      .describe(
        'What a report does not show, beside credentials, cookies and all fields whose names speak of a secret.',
      ),
    strip: z
      .array(HeaderName)
      .max(50)
      .default([])
      .describe('Headers of requests that the copies go without, such as cookie or authorization.'),
    body: z
      .int()
      .min(0)
      .max(8_388_608)
      .default(262_144)
      .describe('The longest body of a request or a response that is copied, in bytes.'),
    queue: z
      .int()
      .min(1)
      .max(100_000)
      .default(1000)
      .describe('How many copies wait at most; more are dropped and counted.'),
    concurrency: z.int().min(1).max(1000).default(32).describe('How many copies are under way at once.'),
    timeout: Duration.default(5000)
      .refine((ms) => ms >= 10 && ms <= 300_000, { error: 'expected a time from 10ms to 5m' })
      .describe('How long the new release may take for an answer.'),
  })
  .superRefine(({ methods, unsafe }, context) => {
    if (methods === 'safe' || unsafe) return;
    const at = methods.findIndex((method) => !isSafeMethod(method));
    if (at === -1) return;
    context.addIssue({
      code: 'custom',
      path: ['methods', at],
      input: methods[at],
      message: 'expected a safe method, or unsafe: true: what it does is done twice',
    });
  });
export type MirrorSpec = z.infer<typeof MirrorSpec>;

/** The mirror of a deployment is named by it, so that its report is found by that. */
export const mirrorId = (deployment: number): string => `deployment-${deployment}`;

/** The order to a router that follows from the spec. */
export const routeMirrorOf = (spec: MirrorSpec, id: string, to: Colour): RouteMirror => ({
  id,
  to,
  share: spec.share,
  methods: spec.methods === 'safe' ? [...safeMethods] : [...new Set(spec.methods)],
  bodyBytes: spec.body,
  queue: spec.queue,
  concurrency: spec.concurrency,
  timeoutMs: spec.timeout,
  noise: spec.noise,
  compare: spec.compare,
  ignore: spec.ignore,
  redact: spec.redact,
  strip: spec.strip,
});
