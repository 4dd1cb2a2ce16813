import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Pkcs10CertificateRequestGenerator, X509Certificate } from '@peculiar/x509';
import { z } from 'zod';
import { Address, formatAddress } from '../../core/address.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { AgentClient, type Credentials } from './agent-client.ts';
import type { EnrollToken } from './enroll-token.ts';
import { hostKind, type PeerKind } from './peer-kind.ts';
import { controlPrefix, Enrolled, Hello } from './protocol.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const answerMs = 15_000;
const mostAuthorityBytes = 16_384;

const Place = z.object({ address: Address });

/** The hosts, or proxies, that this controller is enrolled at, in its home: a folder for each, with the certificates of both and our key. */
export class Enrollments {
  constructor(
    /** Of the home, absolute. */
    private readonly home: string,
    private readonly kind: PeerKind = hostKind,
  ) {}

  get #folder(): string {
    return join(this.home, this.kind.folder);
  }

  /** The names, sorted. */
  names(): string[] {
    try {
      return readdirSync(this.#folder)
        .filter((name) => !name.startsWith('.'))
        .sort();
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  /** A client for a host; throws `agent-refused` if we are not enrolled there. */
  client(host: string): AgentClient {
    const at = join(this.#folder, host);
    try {
      const read = (name: string): string => readFileSync(join(at, name), 'utf8');
      const { address } = Place.parse(JSON.parse(read('place.json')));
      const credentials = {
        authority: read('authority.pem'),
        certificate: read('controller.pem'),
        key: read('controller.key'),
      };
      return new AgentClient(host, address, credentials, this.kind);
    } catch (cause) {
      throw new CutoverError(
        this.kind.refused,
        `${this.kind.noun} ${host}: expected that this controller is enrolled there, found: ${errorRecord(cause).message}`,
        { next: `${this.kind.token} on the host, then ${this.kind.enroll} ${host} ADDRESS here`, cause },
      );
    }
  }

  /**
   * Makes this controller known to the agent at an address, by a token that was made there, and keeps it under a name. The secret is said only to
   * the agent that the token names.
   *
   * @throws CutoverError `agent-absent` if none answers, `agent-refused` if another one does or the token does not hold
   */
  async enroll(host: string, address: Address, token: EnrollToken): Promise<Hello> {
    const authority = await authorityAt(address, token, this.kind);
    const { key, request } = await keyAndRequest();
    const { certificate } = await new AgentClient(host, address, { authority }, this.kind).call(
      'enroll',
      { secret: token.secret, request },
      Enrolled,
      { timeoutMs: answerMs },
    );
    return this.#settle(host, address, { authority, certificate, key });
  }

  /** Gets a new certificate, with a new key, when two thirds of the time of the one that we have are over. */
  async renewIfDue(host: string, now: number): Promise<boolean> {
    const client = this.client(host);
    const { notBefore, notAfter } = new X509Certificate(
      readFileSync(join(this.#folder, host, 'controller.pem'), 'utf8'),
    );
    if (now < notBefore.getTime() + (2 / 3) * (notAfter.getTime() - notBefore.getTime())) return false;
    const { key, request } = await keyAndRequest();
    const { certificate } = await client.call('renew', { request }, Enrolled, { timeoutMs: answerMs });
    const authority = readFileSync(join(this.#folder, host, 'authority.pem'), 'utf8');
    await this.#settle(host, client.address, { authority, certificate, key });
    return true;
  }

  /** Keeps what we are known by, once it has been seen to work. */
  async #settle(host: string, address: Address, credentials: Required<Credentials>): Promise<Hello> {
    const hello = await new AgentClient(host, address, credentials, this.kind).call('hello', {}, Hello, {
      timeoutMs: answerMs,
    });
    this.#keep(host, {
      'place.json': `${JSON.stringify({ address })}\n`,
      'authority.pem': credentials.authority,
      'controller.pem': credentials.certificate,
      'controller.key': credentials.key,
    });
    return hello;
  }

  /** All files at once: a crash leaves the enrollment that was there before, or the new one. */
  #keep(host: string, files: Readonly<Record<string, string>>): void {
    const at = join(this.#folder, host);
    const fresh = join(this.#folder, `.${host}.new`);
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { recursive: true, mode: 0o700 });
    chmodSync(this.#folder, 0o700);
    for (const [name, text] of Object.entries(files)) {
      const fd = openSync(join(fresh, name), 'w', 0o600);
      try {
        writeFileSync(fd, text);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    }
    rmSync(at, { recursive: true, force: true });
    renameSync(fresh, at);
    const folder = openSync(this.#folder, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}

/** A new key, which stays here, and the request for a certificate of it, PEM both. */
async function keyAndRequest(): Promise<{ key: string; request: string }> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=cutover controller',
    keys,
    signingAlgorithm: algorithm,
  });
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/(.{64})(?=.)/g, '$1\n')}\n-----END PRIVATE KEY-----\n`,
    request: request.toString('pem'),
  };
}

/** The certificate of the authority there, if it is the one that the token names. Whoever else is in between is found out by its digest. */
async function authorityAt(address: Address, token: EnrollToken, kind: PeerKind): Promise<string> {
  const place = formatAddress(address);
  let text: string;
  try {
    const response = await fetch(`https://${place}${controlPrefix}authority`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(answerMs),
      // Nothing is said here, and what is heard is compared with the token.
      tls: { rejectUnauthorized: false },
    });
    text = (await response.text()).slice(0, mostAuthorityBytes);
  } catch (cause) {
    throw new CutoverError(
      kind.absent,
      `${place}: expected the ${kind.program} that takes orders, found: ${errorRecord(cause).message}`,
      { next: `start it there with ${kind.run} ADDR`, cause },
    );
  }
  const refused = (found: string): CutoverError =>
    new CutoverError(
      kind.refused,
      `${place}: expected the ${kind.program} that made the token, found ${found}`,
      {
        next: 'see that the address is that of the host, and that nobody is in between; make a new token there',
      },
    );
  let found: string;
  try {
    found = createHash('sha256')
      .update(Buffer.from(new X509Certificate(text).rawData))
      .digest('hex');
  } catch {
    throw refused('something that shows no certificate of an agent');
  }
  if (found !== token.authority) throw refused(`another (${found.slice(0, 16)}…)`);
  return text;
}
