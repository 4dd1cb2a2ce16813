import { z } from 'zod';
import { Command } from './command.ts';

const path = z.string().min(1).max(4096);

/** What a user writes under `router.haproxy`. */
export const HaproxySettings = z.strictObject({
  config: path
    .default('/etc/haproxy/haproxy.cfg')
    .describe('Its configuration. Only the part between the marks of Cutover is touched.'),
  socket: path
    .default('/run/haproxy/admin.sock')
    .describe('Its runtime API: a `stats socket` with `level admin`.'),
  check: Command.default(['haproxy', '-c', '-f', '{config}']).describe(
    'Tells whether a configuration is good; `{config}` stands for the file to look at.',
  ),
  reload: Command.default(['systemctl', 'reload', 'haproxy']).describe(
    'Has it read its configuration anew without closing what it listens on.',
  ),
});
export type HaproxySettings = z.infer<typeof HaproxySettings>;
