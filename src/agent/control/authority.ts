import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { agentName } from '../../platforms/host/agent-client.ts';
import { syncFolder, writeFileDurably } from './durable-file.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 3_600_000;
/** The authority and the agent’s own certificate are known to those who enrolled, and to nobody else. */
const ownDays = 20 * 365;
const controllerDays = 365;

/** Positive, and not longer than 20 octets (RFC 5280 §4.1.2.2). */
const serial = (): string => `01${Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString('hex')}`;
const pemOfKey = async (key: CryptoKey): Promise<string> => {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/(.{64})(?=.)/g, '$1\n')}\n-----END PRIVATE KEY-----\n`;
};
const keyOfPem = (pem: string): Promise<CryptoKey> =>
  crypto.subtle.importKey(
    'pkcs8',
    Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64'),
    algorithm,
    false,
    ['sign'],
  );
/** A clock that goes a little behind ours is no reason to refuse it. */
const validFor = (days: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Date.now() - dayMs),
  notAfter: new Date(Date.now() + days * dayMs),
});

/** The sha256 of a certificate (DER), hex. */
export const fingerprintOf = (certificate: string): string =>
  createHash('sha256')
    .update(Buffer.from(new X509Certificate(certificate).rawData))
    .digest('hex');

/** The agent's own authority: it says which controllers are let in, and by it controllers know the agent. Nobody else trusts it. */
export class Authority {
  private constructor(
    /** PEM. */
    readonly certificate: string,
    private readonly key: string,
    /** What the agent shows, and its key, PEM. */
    readonly own: { readonly certificate: string; readonly key: string },
  ) {}

  /** That of this folder; made if there is none. Whole or not at all: all files come by one rename. */
  static async open(folder: string): Promise<Authority> {
    const at = join(folder, 'authority');
    if (!existsSync(at)) await Authority.#make(folder, at);
    const read = (name: string): string => readFileSync(join(at, name), 'utf8');
    try {
      const [certificate, key] = [read('authority.pem'), read('authority.key')];
      new X509Certificate(certificate);
      await keyOfPem(key);
      return new Authority(certificate, key, { certificate: read('agent.pem'), key: read('agent.key') });
    } catch (cause) {
      throw new CutoverError(
        'state-damaged',
        `${at}: expected the authority of the agent, found: ${errorRecord(cause).message}`,
        { next: 'remove the folder; controllers then have to enroll anew', cause },
      );
    }
  }

  static async #make(folder: string, at: string): Promise<void> {
    const workshop = join(folder, `.authority.${process.pid}`);
    rmSync(workshop, { recursive: true, force: true });
    mkdirSync(workshop, { recursive: true, mode: 0o700 });
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const authority = await X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: `CN=Cutover agent ${serial().slice(2, 10)}`,
      ...validFor(ownDays),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      ],
    });
    const own = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = authority.toString('pem');
    const shown = await sign(certificate, await pemOfKey(keys.privateKey), own.publicKey, ownDays, [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: agentName }]),
    ]);
    const files = {
      'authority.pem': certificate,
      'authority.key': await pemOfKey(keys.privateKey),
      'agent.pem': shown,
      'agent.key': await pemOfKey(own.privateKey),
    };
    for (const [name, text] of Object.entries(files)) writeFileDurably(join(workshop, name), text);
    try {
      renameSync(workshop, at);
    } catch (error) {
      // Another process was quicker; there is one authority.
      rmSync(workshop, { recursive: true, force: true });
      if (!existsSync(at)) throw error;
    }
    syncFolder(folder);
  }

  get fingerprint(): string {
    return fingerprintOf(this.certificate);
  }

  /** A certificate for whoever made the request (PKCS #10, PEM) and has its key. Nothing of the request is taken over but the key. */
  async admit(request: string): Promise<string> {
    let asked: Pkcs10CertificateRequest;
    let genuine = false;
    try {
      asked = new Pkcs10CertificateRequest(request);
      genuine = await asked.verify();
    } catch (cause) {
      throw new CutoverError('request-invalid', 'expected a certificate request (PKCS #10, PEM)', { cause });
    }
    if (!genuine)
      throw new CutoverError('request-invalid', 'expected a certificate request that its own key has signed');
    return sign(this.certificate, this.key, await asked.publicKey.export(), controllerDays, [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
    ]);
  }
}

async function sign(
  authority: string,
  key: string,
  publicKey: CryptoKey,
  days: number,
  extensions: Extension[],
): Promise<string> {
  const issuer = new X509Certificate(authority);
  const { notBefore, notAfter } = validFor(days);
  const made = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: days === controllerDays ? 'CN=cutover controller' : 'CN=cutover agent',
    issuer: issuer.subject,
    notBefore,
    notAfter: notAfter < issuer.notAfter ? notAfter : issuer.notAfter,
    publicKey,
    signingKey: await keyOfPem(key),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...extensions,
    ],
  });
  return `${made.toString('pem')}\n`;
}
