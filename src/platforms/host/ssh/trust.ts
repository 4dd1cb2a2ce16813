import { readFile } from 'node:fs/promises';
import { CutoverError, errorRecord } from '../../../core/errors.ts';
import { fingerprintOf, hostName, type HostKey, isSameKey, type Known, knownHosts } from './known-hosts.ts';
import type { Hop } from './way.ts';

/** What is believed of one host: that it is who it says. */
export class Trust {
  private constructor(
    private readonly place: string,
    private readonly hop: Hop,
    private readonly file: string,
    private readonly known: Known,
  ) {}

  /** A file that is absent knows nobody. */
  static async read(place: string, hop: Hop, file: string): Promise<Trust> {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (cause) {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'))
        throw new CutoverError(
          'host-key-refused',
          `${place}: expected the keys of known hosts in ${file}, found: ${errorRecord(cause).message}`,
          {
            next: 'see that the controller may read the file, or name another with platform.ssh.knownHosts',
            cause,
          },
        );
      text = '';
    }
    return new Trust(place, hop, file, knownHosts(text, hop.host, hop.port));
  }

  /** In the order in which the host is to be asked for keys: those first that we know, so that another key of the same host is no surprise. */
  algorithms(all: readonly string[]): string[] {
    const types = new Set(this.known.trusted.map(({ type }) => type));
    const isKnown = (algorithm: string): boolean => types.has(algorithm.replace(/^rsa-sha2-\d+$/, 'ssh-rsa'));
    return [...all.filter(isKnown), ...all.filter((each) => !isKnown(each))];
  }

  /** Why a host with this key is not talked to; null if it is. */
  refusal(key: HostKey): CutoverError | null {
    const { trusted, revoked } = this.known;
    const shown = `${key.type} ${fingerprintOf(key)}`;
    const refuse = (expected: string, next: string): CutoverError =>
      new CutoverError('host-key-refused', `${this.place}: expected ${expected}, found ${shown}`, {
        next,
        detail: { fingerprint: fingerprintOf(key), knownHosts: this.file },
      });
    if (revoked.some((each) => isSameKey(each, key)))
      return refuse(
        `a key that is not revoked in ${this.file}`,
        'find out who answers there: the key is known to be in other hands',
      );
    if (trusted.some((each) => isSameKey(each, key))) return null;
    const line = `${hostName(this.hop.host, this.hop.port)} ${key.type} ${key.blob.toString('base64')}`;
    const compare = `compare the fingerprint with what ssh-keygen -l -f /etc/ssh/ssh_host_${key.type.includes('ed25519') ? 'ed25519' : key.type.includes('ecdsa') ? 'ecdsa' : 'rsa'}_key.pub prints on the host`;
    const [other] = trusted;
    return other === undefined
      ? refuse(
          `a host whose key is in ${this.file}`,
          `${compare}; if it is the same, add this line to ${this.file}: ${line}`,
        )
      : refuse(
          `the key that ${this.file} has for it (${other.type} ${fingerprintOf(other)})`,
          `if the host was not set up anew, somebody else answers in its place. Otherwise ${compare}, remove the old line (ssh-keygen -R '${hostName(this.hop.host, this.hop.port)}' -f ${this.file}), and add: ${line}`,
        );
  }
}
