import { readFileSync } from 'node:fs';
import type { RouteAuthority } from '../../core/certificate-authority.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Route, RouteTls } from '../../core/traffic.ts';
import type { CertificateStatus } from '../../core/certificate-status.ts';
import { askIssuer, IssuerFailed, type IssuerListener, type Obtained } from './ask-issuer.ts';
import type { Challenge, IssuerOrder } from './messages.ts';
import { renewalTime, restMs, retryDelayMs } from './schedule.ts';
import { StateFolder, type Attempts, type HeldCertificate } from './state-folder.ts';

export interface StewardOptions {
  /** Where accounts and certificates are kept: absolute. */
  readonly folder: string;
  /** Argument vector that starts the process that asks an authority. */
  readonly command: readonly string[];
  /** Has every worker show these proofs, and no others; resolves when each does. */
  readonly publish: (challenges: readonly Challenge[]) => Promise<void>;
  readonly log: (line: string) => void;
  /** Milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
  /** The wait after the first failure (default: a minute). */
  readonly firstRetryMs?: number;
}

/** One host that an authority is to sign a certificate for. */
interface Ward {
  readonly host: string;
  readonly authority: Omit<RouteAuthority, 'hosts'>;
  readonly services: string[];
  held: HeldCertificate | null;
}

const fresh: Attempts = { failures: 0, nextAt: 0, problem: null };
const keyOf = (directory: string, host: string): string => `${directory} ${host}`;

/**
 * Sees to it that each host of the routes has a certificate of its authority: obtains it, renews it in time, and waits between failures.
 * One is asked for at a time. A certificate that holds is replaced only by another that has been looked at.
 */
export class Steward {
  private readonly folder: StateFolder;
  private readonly now: () => number;
  private wards = new Map<string, Ward>();
  /** By directory. */
  private readonly attempts = new Map<string, Map<string, Attempts>>();
  private busy: { readonly ward: Ward; readonly done: Promise<void> } | null = null;
  private readonly ending = new AbortController();

  constructor(private readonly options: StewardOptions) {
    this.folder = new StateFolder(options.folder);
    this.now = options.now ?? Date.now;
  }

  /** The same with the files of what was obtained after the certificates that are named, and the stand-in last. */
  served(tls: RouteTls): RouteTls {
    const { acme } = tls;
    if (acme === undefined) return tls;
    const obtained = acme.hosts.map((host) => {
      const path = this.folder.certificatePath({ directory: acme.directory, host });
      return { cert: path, key: path, hosts: [host] };
    });
    const { standInPath } = this.folder;
    const standIn = { cert: standInPath, key: standInPath, hosts: acme.hosts };
    return { ...tls, certificates: [...tls.certificates, ...obtained, standIn] };
  }

  /**
   * What has to be there before a route is in force.
   *
   * @throws CutoverError `certificate-invalid` if the file that the authority is to be trusted by cannot be used, or `io-failed` if nothing
   *   can be kept
   */
  async prepare(service: string, acme: RouteAuthority): Promise<void> {
    try {
      caOf(acme.ca);
    } catch (cause) {
      throw new CutoverError('certificate-invalid', `service ${service}: ${String(cause)}`, {
        next: 'name a file with the certificate of the authority in PEM (router.tls.acme.ca), and try again',
        cause,
      });
    }
    if (this.folder.hasStandIn()) return;
    try {
      const { chain, key } = await this.ask({ kind: 'stand-in' });
      this.folder.keepStandIn(chain, key);
    } catch (cause) {
      throw new CutoverError(
        'io-failed',
        `service ${service}: no certificate could be made for the time until the authority has signed one: ${String(cause)}`,
        { next: 'see that the proxy may write to its home', cause },
      );
    }
  }

  /** Looks after the hosts of these routes from now on, and no others. */
  follow(routes: readonly Route[]): void {
    const wards = new Map<string, Ward>();
    for (const { service, tls } of routes) {
      if (tls?.acme === undefined) continue;
      const { hosts, ...authority } = tls.acme;
      for (const host of hosts) {
        const key = keyOf(authority.directory, host);
        const known = wards.get(key);
        if (known) {
          known.services.push(service);
          continue;
        }
        const former = this.wards.get(key);
        const held = former?.held ?? this.folder.certificate({ directory: authority.directory, host });
        wards.set(key, { host, authority, services: [service], held });
      }
    }
    this.wards = wards;
  }

  /** Asks for the next certificate that is due, if none is being asked for. */
  look(): void {
    if (this.busy !== null || this.ending.signal.aborted || this.wards.size === 0) return;
    const now = this.now();
    let next: Ward | null = null;
    let at = Infinity;
    for (const ward of this.wards.values()) {
      const dueAt = this.dueAt(ward);
      if (dueAt < at) {
        next = ward;
        at = dueAt;
      }
    }
    if (next === null || at > now) return;
    const ward = next;
    const done = this.obtain(ward).finally(() => (this.busy = null));
    this.busy = { ward, done };
  }

  status(): CertificateStatus[] {
    return [...this.wards.values()].map((ward) => ({
      services: ward.services,
      hosts: [ward.host],
      source: ward.authority.directory,
      issuer: ward.held?.issuer ?? null,
      expiresAt: ward.held?.validity.until ?? null,
      renewsAt: this.dueAt(ward),
      problem: this.attemptsOf(ward).problem,
    }));
  }

  /** What a person should look at. */
  problems(): string[] {
    const now = this.now();
    return [...this.wards.values()].flatMap((ward) => {
      const { host, held, services } = ward;
      const { problem } = this.attemptsOf(ward);
      const whose = `service ${services.join(', ')}: ${host}`;
      if (held === null) return [`${whose} has no certificate yet: ${problem ?? 'it is being asked for'}`];
      if (problem === null) return [];
      const until = new Date(held.validity.until).toISOString();
      return [
        `${whose}: its certificate was not renewed: ${problem}; the one before ${held.validity.until > now ? `is served until ${until}` : `has been over since ${until}`}`,
      ];
    });
  }

  /** Ends what is under way; nothing of it is left when this resolves. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.busy?.done;
  }

  private dueAt(ward: Ward): number {
    const { nextAt } = this.attemptsOf(ward);
    return ward.held === null
      ? nextAt
      : Math.max(nextAt, renewalTime(ward.held.validity, ward.held.fingerprint));
  }

  private attemptsOf({ authority: { directory }, host }: Ward): Attempts {
    let known = this.attempts.get(directory);
    if (known === undefined) this.attempts.set(directory, (known = this.folder.attempts(directory)));
    return known.get(host) ?? fresh;
  }

  /** Never rejects: what fails is told and tried again later. */
  private async obtain(ward: Ward): Promise<void> {
    const { host, authority } = ward;
    const { directory, email, challenge } = authority;
    const { log } = this.options;
    try {
      const { chain, key } = await this.ask(
        {
          kind: 'obtain',
          host,
          directory,
          ca: caOf(authority.ca),
          email,
          challenge,
          accountKey: this.folder.accountKey(directory),
        },
        {
          onAccount: (accountKey) => this.folder.keepAccountKey(directory, accountKey),
          onChallenge: (proof) => this.options.publish([proof]),
        },
      );
      const held = this.folder.keepCertificate({ directory, host }, chain, key, this.now());
      // A change of the routes may have put another ward in its place.
      const current = this.wards.get(keyOf(directory, host));
      for (const each of [ward, ...(current ? [current] : [])]) each.held = held;
      const restedAt = this.now() + restMs(this.options.firstRetryMs);
      this.remember(ward, { failures: 0, nextAt: restedAt, problem: null });
      log(
        `certificate of ${host}: signed by ${held.issuer}, until ${new Date(held.validity.until).toISOString()}`,
      );
    } catch (error) {
      // To be ended is no failure of the authority.
      if (this.ending.signal.aborted) return;
      const failures = this.attemptsOf(ward).failures + 1;
      const asked = error instanceof IssuerFailed ? error.retryAfterMs : null;
      const delayMs = retryDelayMs(failures, asked, Math.random(), this.options.firstRetryMs);
      const problem = (error instanceof Error ? error.message : String(error)).replaceAll(/[\r\n]+/g, ' ');
      this.remember(ward, { failures, nextAt: this.now() + delayMs, problem });
      log(`certificate of ${host}: ${problem}; asked for again in ${Math.ceil(delayMs / 1000)} s`);
    } finally {
      // A worker that does not hear it shows a proof that nobody asks for any more.
      await this.options.publish([]).catch(() => undefined);
    }
  }

  private remember(ward: Ward, attempts: Attempts): void {
    const { directory } = ward.authority;
    const all = this.attempts.get(directory) ?? new Map<string, Attempts>();
    all.set(ward.host, attempts);
    this.attempts.set(directory, all);
    try {
      this.folder.keepAttempts(directory, all);
    } catch (error) {
      this.options.log(
        `when to ask for the certificate of ${ward.host} again could not be written down: ${String(error)}`,
      );
    }
  }

  private ask(
    order: Extract<IssuerOrder, { kind: 'obtain' | 'stand-in' }>,
    listener: IssuerListener = {
      onAccount: () => undefined,
      onChallenge: () => Promise.reject(new Error('no proof was to be shown')),
    },
  ): Promise<Obtained> {
    return askIssuer(this.options.command, order, listener, this.ending.signal);
  }
}

function caOf(path: string | null): string | null {
  if (path === null) return null;
  const text = readFileSync(path, 'utf8');
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new Error(`${path}: expected a certificate in PEM, found none`);
  return text;
}
