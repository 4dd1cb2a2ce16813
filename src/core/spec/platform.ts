import { z } from 'zod';
import { Name } from './name.ts';
import { ShipSpec } from './ship.ts';
import { SshSpec } from './ssh.ts';

const hosts = (colour: string): z.ZodType<string[], string[]> =>
  z
    .array(Name)
    .min(1, { error: 'expected at least one host' })
    .max(256)
    .describe(`The hosts of ${colour}, by the names under which they are enrolled, or that ssh.hosts has.`);

/** Where environments run, as a user writes it under `platform`. */
export const PlatformSpec = z
  .strictObject({
    driver: z
      .enum(['process', 'host'])
      .default('process')
      .describe(
        'Where environments run: `process`: on this machine. `host`: on hosts with agents or by SSH, see docs/hosts.md.',
      ),
    addresses: z
      .enum(['ip', 'port'])
      .default('ip')
      .describe(
        '`ip`: each colour has an IP address of its own (127.0.x.y, Linux only; elsewhere as `port`). `port`: 127.0.0.1 and a port.',
      ),
    hosts: z
      .strictObject({ blue: hosts('blue'), green: hosts('green') })
      .optional()
      .describe('With `driver: host`: the hosts of each environment; none is in both.'),
    ssh: SshSpec.optional().describe('With `driver: host`: hosts that are reached by SSH alone.'),
    ship: ShipSpec.optional().describe(
      'With `driver: host`: a program that readies the hosts before the release is brought there.',
    ),
    parallel: z
      .int()
      .min(1)
      .max(64)
      .default(8)
      .describe('With `driver: host`: at how many hosts something is done at once.'),
    mayMiss: z
      .int()
      .min(0)
      .max(255)
      .default(0)
      .describe(
        'With `driver: host`: how many hosts of an environment may be away. When a deployment begins the others take their instances; later it goes on without.',
      ),
  })
  .superRefine(({ driver, hosts: named, mayMiss, ssh, ship }, context) => {
    const refuse = (path: (string | number)[], input: unknown, message: string): void =>
      context.addIssue({ code: 'custom', path, input, message });
    if (driver === 'host' && !named)
      refuse(['hosts'], named, 'expected the hosts of blue and green, since driver is host');
    if (driver !== 'host' && named) refuse(['hosts'], named, 'expected no hosts unless driver is host');
    if (driver !== 'host' && ssh) refuse(['ssh'], ssh, 'expected no ssh unless driver is host');
    if (driver !== 'host' && ship) refuse(['ship'], ship, 'expected no ship unless driver is host');
    if (!named) return;
    const stray = Object.keys(ssh?.hosts ?? {}).find(
      (host) => !named.blue.includes(host) && !named.green.includes(host),
    );
    if (stray !== undefined)
      refuse(['ssh', 'hosts', stray], undefined, 'expected a host of blue or green, since it is none');
    for (const colour of ['blue', 'green'] as const) {
      const list = named[colour];
      const at = list.findIndex(
        (host, index) => list.indexOf(host) !== index || (colour === 'green' && named.blue.includes(host)),
      );
      if (at !== -1) refuse(['hosts', colour, at], list[at], 'expected each host once, in one environment');
      if (list.length > 0 && mayMiss >= list.length)
        refuse(['mayMiss'], mayMiss, `expected fewer than the hosts of ${colour}, which are ${list.length}`);
    }
  });
export type PlatformSpec = z.infer<typeof PlatformSpec>;
