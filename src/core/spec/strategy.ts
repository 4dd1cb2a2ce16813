import { z } from 'zod';
import { Duration } from '../duration.ts';

/** How a release is taken live, as a user writes it under `strategy`. */
export const StrategySpec = z.strictObject({
  kind: z
    .enum(['blue-green'])
    .default('blue-green')
    .describe('All traffic is switched at once, and can be switched back.'),
  drain: Duration.default(30_000).describe('How long the old side may take to finish what it has begun.'),
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
});
export type StrategySpec = z.infer<typeof StrategySpec>;
