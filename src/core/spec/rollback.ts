import { z } from 'zod';
import { Duration } from '../duration.ts';
import { Command } from './command.ts';

/** When going back from a release is safe, and what happens if it is not, as a user writes it under `rollback`. */
export const RollbackSpec = z.strictObject({
  automatic: z
    .enum(['safe', 'lossy', 'always'])
    .default('lossy')
    .describe(
      'How bad the verdict may be for the traffic to be taken back by itself when the new side does badly. `safe`: only if nothing was written. `lossy`: also if writes are lost, but not if it is unsafe. `always`: whatever is lost. Otherwise the deployment freezes and waits for a person.',
    ),
  unsafe: z
    .strictObject({
      always: z
        .boolean()
        .default(false)
        .describe(
          'From the switch on, for a release that changes data so that the one before cannot read it.',
        ),
      writes: z.int().min(0).optional().describe('After more than so many writes.'),
      after: Duration.optional().describe('When it has been live for so long.'),
      reason: z.string().min(1).max(500).optional().describe('Why, for the one who has to decide.'),
    })
    .optional()
    .describe('When going back from this release is unsafe. Default: never.'),
  verdict: z
    .strictObject({
      command: Command.describe(
        'Runs in the release; the last line that it prints is `safe`, `lossy` or `unsafe`, which may be followed by a colon and why. If it fails, or does not answer in time, going back is unsafe.',
      ),
      timeout: Duration.default(5000).describe('How long it may take.'),
    })
    .optional()
    .describe('A program that knows better than a count of writes whether going back loses something.'),
});
export type RollbackSpec = z.infer<typeof RollbackSpec>;
