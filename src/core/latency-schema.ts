import { z } from 'zod';
import { bucketCount } from './latency.ts';

/** Sparse form for the wire and the log: pairs of bucket and count. */
export const Histogram = z
  .array(
    z.tuple([
      z
        .int()
        .min(0)
        .max(bucketCount - 1),
      z.number(),
    ]),
  )
  .max(bucketCount);
export type Histogram = z.infer<typeof Histogram>;
