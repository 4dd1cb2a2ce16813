import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { RouteAuthority } from '../../core/certificate-authority.ts';
import { issuerOf, validityOf, type Validity } from '../tls/validity.ts';
import { writeDurably } from './durable-file.ts';

/** What is known of a certificate on disk. */
export interface HeldCertificate {
  readonly validity: Validity;
  readonly issuer: string;
  readonly fingerprint: string;
}

/** How the last attempts for a host went. It outlives a restart: an authority counts across them. */
export const Attempts = z.object({
  /** In a row. */
  failures: z.int().min(0),
  /** Not before this, in milliseconds since 1970. */
  nextAt: z.number(),
  problem: z.string().nullable(),
});
export type Attempts = z.infer<typeof Attempts>;

const AttemptsFile = z.object({ format: z.literal(1), hosts: z.record(z.string(), Attempts) });

/** An authority and one host; everything of a certificate hangs on both. */
export type Wanted = Pick<RouteAuthority, 'directory'> & { readonly host: string };

/** What the keeper keeps of authorities, in `proxy/acme` of its home: accounts, certificates, attempts. Nobody else can read it. */
export class StateFolder {
  constructor(private readonly folder: string) {}

  /** One PEM file with the chain and then its key, so that both change at once. */
  certificatePath({ directory, host }: Wanted): string {
    return join(this.authorityFolder(directory), `${host}.pem`);
  }
  /** Signed by itself, for hosts that have no certificate yet. */
  get standInPath(): string {
    return join(this.folder, 'stand-in.pem');
  }
  hasStandIn(): boolean {
    return existsSync(this.standInPath);
  }
  keepStandIn(chain: string, key: string): void {
    this.make(this.folder);
    writeDurably(this.standInPath, pair(chain, key));
  }

  /** Null if there is none, or none that can be read. */
  certificate(wanted: Wanted): HeldCertificate | null {
    const text = readIfThere(this.certificatePath(wanted));
    if (text === null) return null;
    try {
      return heldOf(new X509Certificate(text));
    } catch {
      return null; // Damaged: another one is obtained in its place.
    }
  }

  /**
   * Takes a certificate into use if it is what was asked for; what was there before stays otherwise.
   *
   * @throws Error that says what is wrong with it
   */
  keepCertificate(wanted: Wanted, chain: string, key: string, now: number): HeldCertificate {
    const certificate = new X509Certificate(chain);
    if (certificate.checkHost(wanted.host) === undefined)
      throw new Error(
        `expected a certificate for ${wanted.host}, found one for ${certificate.subjectAltName ?? 'no host'}`,
      );
    if (!certificate.checkPrivateKey(createPrivateKey(key)))
      throw new Error(`expected a certificate for the key that was asked for, found one for another`);
    const held = heldOf(certificate);
    if (held.validity.until <= now)
      throw new Error(
        `expected a certificate that holds, found one until ${new Date(held.validity.until).toISOString()}`,
      );
    this.make(this.authorityFolder(wanted.directory));
    writeDurably(this.certificatePath(wanted), pair(chain, key));
    return held;
  }

  accountKey(directory: string): string | null {
    return readIfThere(this.accountPath(directory));
  }
  keepAccountKey(directory: string, key: string): void {
    this.make(this.authorityFolder(directory));
    writeDurably(this.accountPath(directory), key);
  }

  attempts(directory: string): Map<string, Attempts> {
    const text = readIfThere(this.attemptsPath(directory));
    if (text === null) return new Map();
    try {
      return new Map(Object.entries(AttemptsFile.parse(JSON.parse(text)).hosts));
    } catch {
      return new Map(); // Only a memory of when to come back; without it the first attempt is now.
    }
  }
  keepAttempts(directory: string, attempts: ReadonlyMap<string, Attempts>): void {
    this.make(this.authorityFolder(directory));
    writeDurably(
      this.attemptsPath(directory),
      JSON.stringify({ format: 1, hosts: Object.fromEntries(attempts) }),
    );
  }

  private accountPath(directory: string): string {
    return join(this.authorityFolder(directory), 'account.key');
  }
  private attemptsPath(directory: string): string {
    return join(this.authorityFolder(directory), 'attempts.json');
  }
  /** A staging directory and the real one must not be taken for each other, so their whole address counts. */
  private authorityFolder(directory: string): string {
    const short = createHash('sha256').update(directory).digest('hex').slice(0, 12);
    return join(this.folder, `${new URL(directory).hostname.replaceAll(/[^a-z0-9.-]/g, '_')}-${short}`);
  }
  private make(folder: string): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
}

const pair = (chain: string, key: string): string => `${chain.trimEnd()}\n${key.trimEnd()}\n`;

const heldOf = (certificate: X509Certificate): HeldCertificate => ({
  validity: validityOf(certificate),
  issuer: issuerOf(certificate),
  fingerprint: certificate.fingerprint256,
});

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
