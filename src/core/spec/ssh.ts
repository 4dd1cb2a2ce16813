import { z } from 'zod';
import { Duration } from '../duration.ts';
import { isIpAddress } from '../ip.ts';
import { Name } from './name.ts';

const hostError = { error: 'expected the name or the address of a host, e.g. web1.shop.example' };
/** Nothing that could be read as an option or as another word. */
const host = z
  .string(hostError)
  .max(253, hostError)
  .regex(/^[A-Za-z0-9][A-Za-z0-9.:_-]*$/, hostError);
const userError = { error: 'expected the name of a user, e.g. deploy' };
const user = z
  .string(userError)
  .max(64, userError)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*$/, userError);
const fileError = { error: 'expected the path of a file' };
const file = z
  .string(fileError)
  .min(1, fileError)
  .max(4096, fileError)
  .regex(/^[^\0]*$/, fileError);

const login = {
  user: user.optional().describe('Who logs in. Default: the user that the controller runs as.'),
  port: z.int().min(1).max(65535).optional().describe('Default: 22.'),
  key: file
    .optional()
    .describe(
      'The file with the private key, relative to the spec; `~/` is the home of the controller’s user. Default: the keys of the SSH agent.',
    ),
  passphraseFile: file.optional().describe('The file with the passphrase of the key, relative to the spec.'),
};

const Jump = z.strictObject({ host: host.describe('Where it is.'), ...login });

const SshHost = z.strictObject({
  host: host.optional().describe('Where it is reached. Default: its name.'),
  ...login,
  address: z
    .string()
    .refine(isIpAddress, { error: 'expected an IP address such as 192.0.2.1' })
    .optional()
    .describe('The IP address of the host at which instances listen. Default: where it is reached.'),
});

/** How hosts are reached that have no agent. */
export const SshSpec = z
  .strictObject({
    ...login,
    agent: file
      .optional()
      .describe(
        'The socket of an SSH agent. Default, where no key is named: that of the controller’s SSH_AUTH_SOCK.',
      ),
    knownHosts: file
      .default('~/.ssh/known_hosts')
      .describe(
        'The keys of the hosts, as ssh keeps them. A host that is not in it, or has another key, is refused.',
      ),
    jump: z
      .array(Jump)
      .max(8)
      .default([])
      .describe('Hosts on the way, the first one first. What is not said for one is as for the hosts.'),
    connectTimeout: Duration.default(10_000).describe('For each connection until somebody is logged in.'),
    home: file
      .default('.cutover/host')
      .describe('Where releases and records are on the hosts, relative to the home of the user there.'),
    program: file
      .optional()
      .describe(
        'The executable of Cutover for the hosts, relative to the spec, if they are of another kind than the controller’s machine. Default: this very program.',
      ),
    hosts: z
      .record(Name, SshHost)
      .refine((hosts) => Object.keys(hosts).length > 0, { error: 'expected at least one host' })
      .describe(
        'Which of `platform.hosts` are reached by SSH, and what is special about each; all others have agents.',
      ),
  })
  .refine(({ connectTimeout }) => connectTimeout > 0, {
    error: 'expected a time above 0',
    path: ['connectTimeout'],
  });
export type SshSpec = z.infer<typeof SshSpec>;
