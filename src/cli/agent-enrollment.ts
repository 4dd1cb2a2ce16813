import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Authority } from '../agent/control/authority.ts';
import { Invitations } from '../agent/control/invitations.ts';
import { systemClock } from '../clocks/system.ts';
import { formatAddress, parseAddress } from '../core/address.ts';
import { CutoverError, errorRecord } from '../core/errors.ts';
import { Name } from '../core/spec/name.ts';
import { Enrollments } from '../platforms/host/enrollment.ts';
import { hostKind, type PeerKind, proxyKind } from '../platforms/host/peer-kind.ts';
import { localProxy } from '../core/proxies/rules.ts';
import { proxyControlFolder } from './proxy-control-folder.ts';
import { formatEnrollToken, parseEnrollToken } from '../platforms/host/enroll-token.ts';
import { Hello } from '../platforms/host/protocol.ts';
import { answerJson, type Invocation } from './invocation.ts';

const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });
const usualMs = 15 * 60_000;
const answerMs = 5_000;

/** Where that which takes orders keeps its authority, within its home. */
const controlFolder = (kind: PeerKind): string => (kind === proxyKind ? proxyControlFolder : 'agent');

/** On a host, or beside a proxy: prints what lets one controller in, once. */
export async function token(
  invocation: Invocation,
  validMs = usualMs,
  kind: PeerKind = hostKind,
): Promise<number> {
  const folder = join(invocation.homeDirectory, controlFolder(kind));
  if (!existsSync(folder))
    throw new CutoverError(
      kind.absent,
      `expected the home of ${kind === hostKind ? 'an agent' : 'a proxy that takes orders'} at ${invocation.homeDirectory}, found none`,
      {
        next: `start it first: ${kind.run} ADDR; --home DIR names another home`,
      },
    );
  const { fingerprint } = await Authority.open(realpathSync(folder));
  const now = systemClock.now();
  const secret = new Invitations(folder).invite(now + validMs, now);
  const text = formatEnrollToken({ authority: fingerprint, secret });
  if (invocation.json)
    answerJson(invocation, { token: text, validUntil: new Date(now + validMs).toISOString() });
  else invocation.output.line(text);
  return 0;
}

/** At the controller: gets in at a host. */
export async function enroll(
  invocation: Invocation,
  [name, place]: readonly string[],
  tokenFile: string | undefined,
  kind: PeerKind = hostKind,
): Promise<number> {
  if (name === undefined || !Name.safeParse(name).success || (kind === proxyKind && name === localProxy))
    throw usage(
      `${kind.enroll}: expected a name of lower-case letters, digits and dashes${kind === proxyKind ? `, and not ${localProxy}` : ''}, found ${name ?? 'none'}`,
      `${kind.enroll} ${kind === proxyKind ? 'edge1' : 'web1'} 192.0.2.1:7443 --token-file token`,
    );
  const address = place === undefined ? undefined : parseAddress(place);
  if (!address || address.port === 0)
    throw usage(
      `${kind.enroll}: expected HOST:PORT of the ${kind.program}, found ${place ?? 'none'}`,
      `see --control of ${kind.run.replace(' --control', '')} there`,
    );
  if (tokenFile === undefined)
    throw usage(
      `${kind.enroll}: expected --token-file, found none`,
      `make a token on the host: ${kind.token} > token; - reads the standard input`,
    );
  const held = parseEnrollToken(textOf(tokenFile === '-' ? tokenFile : resolve(invocation.cwd, tokenFile)));
  if (!held)
    throw usage(
      `--token-file: expected a token that ${kind.token} printed, found something else in ${tokenFile}`,
      `make one on the host: ${kind.token}`,
    );
  const { version, host } = await new Enrollments(invocation.homeDirectory, kind).enroll(name, address, held);
  if (invocation.json) answerJson(invocation, { name, address, version, host });
  else
    invocation.output.line(
      `${invocation.paint.green('enrolled:')} ${name} at ${formatAddress(address)} (${host}, version ${version})`,
    );
  return 0;
}

/** The hosts, or proxies, that this controller is enrolled at, and whether they answer. */
export async function hosts(invocation: Invocation, kind: PeerKind = hostKind): Promise<number> {
  const enrollments = new Enrollments(invocation.homeDirectory, kind);
  const found = await Promise.all(
    enrollments.names().map(async (name) => {
      try {
        await enrollments.renewIfDue(name, systemClock.now());
        const client = enrollments.client(name);
        const { version } = await client.call('hello', {}, Hello, { timeoutMs: answerMs });
        return { name, address: formatAddress(client.address), version, error: null };
      } catch (error) {
        return { name, address: null, version: null, error: errorRecord(error) };
      }
    }),
  );
  if (invocation.json) answerJson(invocation, { [kind.folder]: found });
  else if (found.length === 0)
    invocation.output.line(`no ${kind.noun} yet: ${kind.enroll} NAME HOST:PORT --token-file FILE`);
  else
    for (const { name, address, version, error } of found)
      invocation.output.line(
        error === null
          ? `${invocation.paint.green('✓')} ${name}  ${address}  version ${version}`
          : `${invocation.paint.red('✗')} ${name}  ${error.message}`,
      );
  return 0;
}

function textOf(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').slice(0, 4096);
  } catch (cause) {
    throw new CutoverError(
      'usage',
      `--token-file: expected a file with a token, found: ${errorRecord(cause).message}`,
      { cause },
    );
  }
}
