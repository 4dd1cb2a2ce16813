import { z } from 'zod';
import { Duration } from './duration.ts';
import { Share } from './share.ts';

/** A load that a release has to bear before it gets traffic. */
export const LoadCheck = z.strictObject({
  paths: z
    .array(z.string().startsWith('/', { error: 'expected a path that begins with /' }))
    .min(1, { error: 'expected at least one path' })
    .max(1000)
    .default(['/'])
    .describe('What is asked for with GET, in turns.'),
  headers: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'expected the name of a header' }),
      z.string().regex(/^[^\r\n\0]*$/, { error: 'expected the value of a header, in one line' }),
    )
    .default({})
    .describe('Headers that are sent.'),
  rate: z
    .number()
    .min(0.1)
    .max(10_000)
    .default(50)
    .describe(
      'Requests for each second, over all instances, begun at even distances whatever the answers do.',
    ),
  duration: Duration.default(10_000).describe('How long. At most 1h.'),
  connections: z
    .int()
    .min(1)
    .max(1000)
    .default(32)
    .describe('How many requests may be under way at once; what has to wait for one waits in its latency.'),
  errors: Share.default(0).describe(
    'Which share may fail: no whole answer within `timeout`, or one of class 5xx.',
  ),
  p50: Duration.optional().describe('Half of the requests must be answered within this time.'),
  p99: Duration.optional().describe('99 % of the requests must be answered within this time.'),
});
export type LoadCheck = z.infer<typeof LoadCheck>;

export const longestLoadMs = 3_600_000;
