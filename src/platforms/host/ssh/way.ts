import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { Release } from '../../../core/release.ts';
import { loginName } from './login-name.ts';

const Hop = z.strictObject({
  host: z.string(),
  port: z.int(),
  user: z.string(),
  /** Files, absolute. */
  key: z.string().nullable(),
  passphraseFile: z.string().nullable(),
});
/** One login on the way to a host. */
export type Hop = z.infer<typeof Hop>;

/** All that is needed to reach a host by SSH, without the spec that said so. Holds no secret. */
export const SshWay = z.strictObject({
  /** The hosts on the way; the last is the host itself. */
  hops: z.array(Hop).min(1),
  /** The socket of an SSH agent. */
  agent: z.string().nullable(),
  knownHosts: z.string(),
  connectMs: z.number(),
  /** Absolute, or relative to the home of the user there. */
  home: z.string(),
  program: z.string().nullable(),
  /** At which address of the host instances listen; null: where it is reached. */
  address: z.string().nullable(),
});
export type SshWay = z.infer<typeof SshWay>;

/** How a release's spec says a host is reached; null if that has an agent. */
export function wayTo(host: string, { spec, base }: Release): SshWay | null {
  const { ssh } = spec.platform;
  const own = ssh?.hosts[host];
  if (!ssh || !own) return null;
  const file = (path: string): string =>
    path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(base, path);
  const fileOrNull = (path: string | undefined): string | null => (path === undefined ? null : file(path));
  const hop = (named: string, login: Login): Hop => {
    // A passphrase is that of the key beside which it stands.
    const withKey = login.key === undefined ? ssh : login;
    return {
      host: named,
      port: login.port ?? ssh.port ?? 22,
      user: login.user ?? ssh.user ?? loginName(),
      key: fileOrNull(withKey.key),
      passphraseFile: fileOrNull(withKey.passphraseFile),
    };
  };
  return {
    hops: [...ssh.jump.map((jump) => hop(jump.host, jump)), hop(own.host ?? host, own)],
    agent: fileOrNull(ssh.agent),
    knownHosts: file(ssh.knownHosts),
    connectMs: ssh.connectTimeout,
    home: ssh.home,
    program: fileOrNull(ssh.program),
    address: own.address ?? null,
  };
}

interface Login {
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly key?: string | undefined;
  readonly passphraseFile?: string | undefined;
}
