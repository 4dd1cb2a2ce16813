import { z } from 'zod';
import { Duration } from '../duration.ts';
import { Command } from './command.ts';
import { Variables } from './variables.ts';

/** What readies the hosts of an environment for a release. */
export const ShipSpec = z.strictObject({
  command: Command.describe(
    'A program that exits 0 when every host has what the release needs, e.g. [ansible-playbook, -i, "{CUTOVER_INVENTORY}", site.yaml]. It runs in the release, at the controller. `{NAME}` in a word stands for a variable that begins with CUTOVER_.',
  ),
  variables: Variables.default({}).describe('For the command, beyond those of the environment; they win.'),
  timeout: Duration.default(600_000)
    .refine((ms) => ms > 0, { error: 'expected a time above 0' })
    .describe('For all hosts together.'),
});
export type ShipSpec = z.infer<typeof ShipSpec>;
