import { z } from 'zod';
import { Duration } from '../duration.ts';

const prefixError = { error: 'expected a path such as /_cutover, without a slash at its end' };

/** What a user writes under `router.agents`. */
export const AgentsSettings = z.strictObject({
  port: z
    .int()
    .min(1)
    .max(65535)
    .default(8081)
    .describe(
      'Where each instance’s host answers for /live and /standby: `--listen` of the agents, at the address of the instance.',
    ),
  prefix: z
    .string(prefixError)
    .regex(/^(\/[A-Za-z0-9._~-]+)*$/, prefixError)
    .max(200, prefixError)
    .default('')
    .describe('What stands before /live and the rest, where a program answers by itself.'),
  tokenFile: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe('The file with the token of the agents (`--token-file`), relative to the spec.'),
  poll: Duration.default(2000).describe(
    'After this time every balancer has seen a change: its interval times the checks that it takes, and a little more.',
  ),
  weigh: z
    .boolean()
    .default(false)
    .describe('The balancers take weights from the agents too, as HAProxy’s agent checks do.'),
  counts: z
    .boolean()
    .default(true)
    .describe('The agents run with `--proxy`, so that they know what is in flight, and count requests.'),
});
export type AgentsSettings = z.infer<typeof AgentsSettings>;
