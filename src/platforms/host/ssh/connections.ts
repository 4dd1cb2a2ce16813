import type { Client, ClientChannel, ConnectConfig } from 'ssh2';
import { CutoverError, errorRecord } from '../../../core/errors.ts';
import { identityOf } from './identity.ts';
import { parseHostKey } from './known-hosts.ts';
import { Trust } from './trust.ts';
import type { SshWay } from './way.ts';

/** A host that says nothing to so many questions, one after the other, is gone. */
const aliveEveryMs = 5_000;
const mostUnanswered = 2;

const hostKeys = [
  ...['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  ...['rsa-sha2-512', 'rsa-sha2-256'],
] as const;

/** Somebody who is logged in. */
export interface Connection {
  readonly client: Client;
  /** As messages name it. */
  readonly place: string;
  /** Aborted when it is over, with the reason. */
  readonly over: AbortSignal;
}

/** Connections by SSH, each kept and shared while it lasts: also those of hosts on the way to others. */
export class Connections {
  readonly #open = new Map<string, Promise<Connection>>();

  /**
   * @param host as the spec names it
   * @throws CutoverError `agent-absent` if nobody answers, `host-key-refused`, `ssh-refused`
   */
  to(host: string, way: SshWay, hops = way.hops.length): Promise<Connection> {
    const { agent, knownHosts, connectMs } = way;
    const key = JSON.stringify([way.hops.slice(0, hops), agent, knownHosts, connectMs]);
    const known = this.#open.get(key);
    if (known) return known;
    const opening = this.#connect(host, way, hops);
    this.#open.set(key, opening);
    const forget = (): void => {
      if (this.#open.get(key) === opening) this.#open.delete(key);
    };
    opening.then(({ over }) => (over.aborted ? forget() : over.addEventListener('abort', forget)), forget);
    return opening;
  }

  /** Ends all; what runs on the hosts goes on. */
  async close(): Promise<void> {
    const all = await Promise.allSettled(this.#open.values());
    for (const each of all) if (each.status === 'fulfilled') each.value.client.end();
    for (const each of all) {
      if (each.status === 'rejected') continue;
      const { over } = each.value;
      if (!over.aborted) await new Promise((resolve) => over.addEventListener('abort', resolve));
    }
  }

  async #connect(host: string, way: SshWay, hops: number): Promise<Connection> {
    const hop = way.hops[hops - 1];
    if (!hop) throw new CutoverError('internal', `host ${host}: expected a way there, found none`);
    const named = `${hop.user}@${hop.host}:${hop.port}`;
    const place =
      hops === way.hops.length ? `host ${host} (${named})` : `host ${host}, on the way at ${named}`;
    const trust = await Trust.read(place, hop, way.knownHosts);
    const identity = await identityOf(place, hop, way);
    const { Client, utils } = await import('ssh2');
    if ('privateKey' in identity) {
      const key = utils.parseKey(identity.privateKey, identity.passphrase);
      if (key instanceof Error)
        throw new CutoverError(
          'ssh-refused',
          `${place}: expected a private key of OpenSSH in ${hop.key ?? ''}, found: ${key.message}`,
          {
            next: 'see that it is the private key and, if it has a passphrase, that passphraseFile holds it',
            cause: key,
          },
        );
    }
    const through = hops > 1 ? await this.#through(host, way, hops - 1) : {};
    const client = new Client();
    const over = new AbortController();
    let refusal: CutoverError | null = null;
    const config: ConnectConfig = {
      ...{ host: hop.host, port: hop.port, username: hop.user, ...through, ...identity },
      authHandler: ['agent' in identity ? 'agent' : 'publickey'],
      algorithms: {
        serverHostKey: trust.algorithms(hostKeys) as NonNullable<
          ConnectConfig['algorithms']
        >['serverHostKey'] & {},
      },
      hostVerifier: (blob: Buffer) => {
        const key = parseHostKey(blob);
        refusal = key
          ? trust.refusal(key)
          : new CutoverError(
              'host-key-refused',
              `${place}: expected the key of a host, found something else`,
            );
        return refusal === null;
      },
      readyTimeout: way.connectMs,
      keepaliveInterval: aliveEveryMs,
      keepaliveCountMax: mostUnanswered,
    };
    return new Promise((resolve, reject) => {
      const fail = (cause: Error & { level?: string }): void => {
        reject(refusal ?? whyNot(place, 'key' in hop && hop.key !== null ? hop.key : 'the SSH agent', cause));
        over.abort(cause);
        client.destroy();
      };
      client
        .on('ready', () => resolve({ client, place, over: over.signal }))
        // Also after it was ready: then its end is all that is to be told.
        .on('error', fail)
        .on('close', () => fail(new Error('the connection was closed')));
      client.connect(config);
    });
  }

  /** A connection to the next host, made by the one before. */
  async #through(host: string, way: SshWay, hops: number): Promise<Pick<ConnectConfig, 'sock'>> {
    const { client, place } = await this.to(host, way, hops);
    const next = way.hops[hops];
    if (!next) return {};
    try {
      const sock = await new Promise<ClientChannel>((resolve, reject) =>
        // Throws if the connection has just ended.
        client.forwardOut('127.0.0.1', 0, next.host, next.port, (error, channel) =>
          error ? reject(error) : resolve(channel),
        ),
      );
      return { sock };
    } catch (cause) {
      throw new CutoverError(
        'agent-absent',
        `${place}: expected a way on to ${next.host}:${next.port}, found: ${errorRecord(cause).message}`,
        { next: 'see that the host is up, and that AllowTcpForwarding is yes on the way', cause },
      );
    }
  }
}

function whyNot(place: string, key: string, cause: Error & { level?: string }): CutoverError {
  const found = errorRecord(cause).message;
  if (cause.level === 'client-authentication' || cause.level === 'agent')
    return new CutoverError('ssh-refused', `${place}: expected to be let in with ${key}, found: ${found}`, {
      next: 'see that the public key is in authorized_keys there, and that the user is right',
      cause,
    });
  if (cause.level === 'handshake' || cause.level === 'protocol')
    return new CutoverError(
      'ssh-refused',
      `${place}: expected an SSH server that we can talk to, found: ${found}`,
      {
        next: 'see which keys, ciphers and versions it allows',
        cause,
      },
    );
  return new CutoverError('agent-absent', `${place}: expected an SSH server that answers, found: ${found}`, {
    next: 'see that the host is up and that sshd runs there',
    cause,
  });
}
