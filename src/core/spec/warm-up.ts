import { z } from 'zod';
import { Duration } from '../duration.ts';
import { Share } from '../share.ts';

const statusError = { error: 'expected a status such as 200, 2xx or 200-399' };
const longestMs = 3_600_000;

/** What the instances of a release are asked before they get traffic, so that the first users find them warm. */
export const WarmUp = z.strictObject({
  paths: z
    .array(
      z
        .string()
        .max(2048)
        .regex(/^\/[^\s#]*$/, { error: 'expected a path that begins with /, without spaces' }),
    )
    .min(1, { error: 'expected at least one path' })
    .max(100)
    .default(['/'])
    .describe('What is asked for, in turns, e.g. [/, "/search?q=mint"].'),
  method: z
    .enum(['GET', 'HEAD', 'OPTIONS', 'POST'])
    .default('GET')
    .describe('The method; with POST the body is empty.'),
  headers: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'expected the name of a header' }),
      z.string().regex(/^[^\r\n\0]*$/, { error: 'expected the value of a header, in one line' }),
    )
    .default({})
    .describe('Headers that are sent.'),
  expect: z
    .union(
      [
        z.int().min(100, statusError).max(599, statusError),
        z.string().regex(/^[1-5](xx|\d\d)(-[1-5]\d\d)?$/, statusError),
      ],
      statusError,
    )
    .default('200-399')
    .describe('The status of an answer that counts; any other counts as failed.'),
  settle: z
    .strictObject({
      within: Share.default(0.1).describe('By how much the latency of rounds may still differ.'),
      over: z
        .int()
        .min(2)
        .max(50)
        .default(5)
        .describe('So many rounds are compared with as many before them.'),
    })
    .default({ within: 0.1, over: 5 })
    .describe('When an instance counts as warm: its latency does not get better any more.'),
  leastRequests: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(100)
    .describe('To each instance, however soon its latency settles.'),
  concurrency: z
    .int()
    .min(1)
    .max(256)
    .default(4)
    .describe('How many are under way at once, to each instance.'),
  timeout: Duration.default(10_000).describe('For one request.'),
  atMost: Duration.refine((ms) => ms > 0 && ms <= longestMs, {
    error: 'expected a duration above 0 and of at most 1h',
  })
    .default(60_000)
    .describe('How long the warm-up may take in all.'),
  errors: Share.optional().describe(
    'Which share of the requests to an instance may fail; more end the deployment. Default: any; it is told.',
  ),
  required: z
    .boolean()
    .default(false)
    .describe('An instance that has not settled within `atMost` ends the deployment. Else that is told.'),
});
export type WarmUp = z.infer<typeof WarmUp>;

/** What of a spec has to fit a warm-up. */
export function warmUpRules(
  spec: { readonly router: { readonly protocol: 'http' | 'tcp' }; readonly warmUp?: unknown },
  context: z.core.$RefinementCtx,
): void {
  if (spec.router.protocol !== 'tcp' || spec.warmUp === undefined) return;
  context.issues.push({
    code: 'custom',
    path: ['warmUp'],
    input: spec.warmUp,
    message: 'expected no warmUp with protocol tcp: what its instances speak is not known',
  });
}
