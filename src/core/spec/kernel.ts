import { z } from 'zod';

const tableError = { error: 'expected a name of letters, digits and _, e.g. cutover' };
const netnsError = { error: 'expected the name of a network namespace, as ip netns lists it' };

/** What a user writes under `router.kernel`. */
export const KernelSettings = z.strictObject({
  table: z
    .string(tableError)
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,30}$/, tableError)
    .default('cutover')
    .describe('The table of nftables (family inet) that is ours; nothing else may be in it.'),
  netns: z
    .string(netnsError)
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/, netnsError)
    .optional()
    .describe('The network namespace that clients come to. Default: that of the controller.'),
  masquerade: z
    .boolean()
    .default(false)
    .describe(
      'Instances see this machine as their client. Needed for those on other machines whose answers would go another way.',
    ),
});
export type KernelSettings = z.infer<typeof KernelSettings>;
