import { z } from 'zod';
import { AddressText } from '../address.ts';

/** What a user writes under `router.caddy`. */
export const CaddySettings = z.strictObject({
  admin: z
    .string()
    .max(300)
    .regex(/^(unix\/\/[^\0\n]+|(127\.[0-9.]+|localhost|\[::1\]):[0-9]{1,5})$/, {
      error:
        'expected a loopback address, or unix/ before an absolute path, such as unix//run/caddy-admin.sock',
    })
    .default('127.0.0.1:2019')
    .describe(
      'Its admin API, as `admin` in Caddy’s own configuration: a loopback address, or `unix/` before the absolute path of a socket, e.g. `unix//run/caddy-admin.sock`.',
    ),
  // Caddy would read these signs as patterns and variables.
  sides: z
    .string()
    .min(1)
    .max(4096)
    .regex(/^[^{}*?[\]\\\n]*$/, { error: 'expected a path without {, }, *, ?, [, ] and \\' })
    .default('/var/lib/cutover-caddy')
    .describe(
      'A folder where stands which side is live; made if it is not there. Caddy must be able to look there.',
    ),
  state: AddressText.prefault('127.0.0.1:8902').describe(
    'A loopback address where Caddy tells Cutover what is in force.',
  ),
});
export type CaddySettings = z.infer<typeof CaddySettings>;
