import { z } from 'zod';
import { Duration } from '../duration.ts';
import { Command } from './command.ts';

/** What a user writes under `router.command`. */
export const CommandRouterSettings = z.strictObject({
  run: Command.describe('The program, and arguments that come before the verb. No shell reads it.'),
  can: z
    .array(z.enum(['preview', 'weights', 'counters', 'inFlight']))
    .max(4)
    .default([])
    .describe('What it does beyond sending all of the traffic to one side.'),
  timeout: Duration.default(60_000).describe('How long one call of it may take; then it is killed.'),
});
export type CommandRouterSettings = z.infer<typeof CommandRouterSettings>;
