import { z } from 'zod';
import { AddressText } from '../address.ts';
import { Command } from './command.ts';

// A dollar sign or a quote would be read by nginx as something else.
const path = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^$"'\\;{}\n]*$/, { error: 'expected a path without $, quotes, \\, ;, { and }' });

/** What a user writes under `router.nginx`. */
export const NginxSettings = z.strictObject({
  config: path
    .default('/etc/nginx/conf.d/cutover.conf')
    .describe(
      'A file that nginx reads within `http`; made if it is not there. Only the part between the marks of Cutover is touched. Beside it, in a folder of this name with `.sides`, stands which side is live; nginx’s workers must be able to look there.',
    ),
  pid: path.default('/run/nginx.pid').describe('Where nginx writes the number of its master process.'),
  state: AddressText.prefault('127.0.0.1:8901').describe(
    'A loopback address where nginx tells Cutover what is in force.',
  ),
  check: Command.default(['nginx', '-t']).describe('Tells whether its configuration is good.'),
  reload: Command.default(['nginx', '-s', 'reload']).describe('Has it read its configuration anew.'),
});
export type NginxSettings = z.infer<typeof NginxSettings>;
