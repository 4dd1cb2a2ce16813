import { resolve } from 'node:path';
import { type Address, parseAddress } from '../core/address.ts';
import {
  AuthorityDirectory,
  AuthorizedHost,
  ChallengeKind,
  challengeKinds,
  defaultDirectory,
  Mail,
  type RouteAuthority,
} from '../core/certificate-authority.ts';
import { CutoverError } from '../core/errors.ts';
import type { RouteTls } from '../core/traffic.ts';

/** What `cutover proxy` is told of TLS. */
export interface TlsWords {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsRedirect?: string;
  readonly acme?: string;
  readonly acmeEmail?: string;
  readonly acmeDirectory?: string;
  readonly acmeCa?: string;
  readonly acmeChallenge?: string;
}

/** The names of all of them. */
export const tlsWordNames = [
  'tlsCert',
  'tlsKey',
  'tlsRedirect',
  'acme',
  'acmeEmail',
  'acmeDirectory',
  'acmeCa',
  'acmeChallenge',
] as const satisfies readonly (keyof TlsWords)[];

const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });
const flag = (word: string): string => `--${word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/**
 * TLS with the certificate of a file, and those of an authority; undefined if nothing is said of it. Files are relative to `cwd`.
 *
 * @param listen where users reach the service: plain HTTP is answered at port 80 beside it, if an authority asks there
 */
export function tlsOf(words: TlsWords, listen: Address, cwd: string): RouteTls | undefined {
  const { tlsCert, tlsKey } = words;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw usage(
      `cutover proxy: expected --tls-cert and --tls-key together, found only ${tlsCert === undefined ? '--tls-key' : '--tls-cert'}`,
      'name both files',
    );
  const acme = authorityOf(words, cwd);
  if (tlsCert === undefined && acme === undefined) {
    if (words.tlsRedirect !== undefined)
      throw usage(
        '--tls-redirect: there is nothing to redirect to',
        'name a certificate too: --tls-cert and --tls-key, or --acme',
      );
    return undefined;
  }
  return {
    certificates:
      tlsCert === undefined || tlsKey === undefined
        ? []
        : [{ cert: resolve(cwd, tlsCert), key: resolve(cwd, tlsKey), hosts: [] }],
    redirect: redirectOf(words.tlsRedirect, listen, acme),
    hstsSeconds: 0,
    clientCa: null,
    clientAuth: 'required',
    ...(acme && { acme }),
  };
}

function redirectOf(
  text: string | undefined,
  listen: Address,
  acme: RouteAuthority | undefined,
): Address | null {
  if (text === undefined) return acme?.challenge === 'http-01' ? { host: listen.host, port: 80 } : null;
  const address = parseAddress(text);
  if (address) return address;
  throw usage(
    `--tls-redirect: expected an address such as :80, found ${text}`,
    'say where plain HTTP comes in',
  );
}

function authorityOf(words: TlsWords, cwd: string): RouteAuthority | undefined {
  if (words.acme === undefined) {
    const stray = (['acmeEmail', 'acmeDirectory', 'acmeCa', 'acmeChallenge'] as const).find(
      (each) => words[each] !== undefined,
    );
    if (stray !== undefined)
      throw usage(
        `${flag(stray)}: expected --acme with it, found none`,
        'name the hosts: --acme shop.example',
      );
    return undefined;
  }
  const hosts = words.acme.split(',').map((host) => {
    const parsed = AuthorizedHost.safeParse(host.trim());
    if (parsed.success) return parsed.data;
    throw usage(
      `--acme: ${parsed.error.issues[0]?.message ?? 'expected a host name'}, found ${host.trim() || 'nothing'}`,
      'name the hosts with commas: --acme shop.example,www.shop.example',
    );
  });
  const directory = AuthorityDirectory.safeParse(words.acmeDirectory ?? defaultDirectory);
  if (!directory.success)
    throw usage(
      `--acme-directory: expected an https:// URL, found ${words.acmeDirectory ?? ''}`,
      'leave it out for Let’s Encrypt',
    );
  const email = Mail.nullable().safeParse(words.acmeEmail ?? null);
  if (!email.success)
    throw usage(`--acme-email: expected a mail address, found ${words.acmeEmail ?? ''}`, 'or leave it out');
  const challenge = ChallengeKind.safeParse(words.acmeChallenge ?? 'http-01');
  if (!challenge.success)
    throw usage(
      `--acme-challenge: expected ${challengeKinds.join(' or ')}, found ${words.acmeChallenge ?? ''}`,
      'name one of them',
    );
  return {
    hosts: [...new Set(hosts)],
    email: email.data,
    directory: directory.data,
    ca: words.acmeCa === undefined ? null : resolve(cwd, words.acmeCa),
    challenge: challenge.data,
  };
}
