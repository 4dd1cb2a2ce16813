import { createHash } from 'node:crypto';
import { Extension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

/** In PEM both. */
export interface CertificateWithKey {
  readonly certificate: string;
  readonly key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 3_600_000;
/** OCTET STRING, 32 octets. */
const digestHead = Buffer.from([4, 32]);

async function selfSigned(
  name: string,
  days: number,
  extensions: readonly Extension[],
): Promise<CertificateWithKey> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const made = await X509CertificateGenerator.createSelfSigned({
    // Positive, and not longer than 20 octets (RFC 5280 §4.1.2.2).
    serialNumber: `01${Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString('hex')}`,
    name,
    // A clock that goes a little behind ours is no reason to refuse it.
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + days * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [...extensions],
  });
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    certificate: `${made.toString('pem')}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/(.{64})(?=.)/g, '$1\n')}\n-----END PRIVATE KEY-----\n`,
  };
}

/** A certificate that nobody trusts, so that a client is told so by its own rules instead of waiting. */
export const standInCertificate = (): Promise<CertificateWithKey> =>
  selfSigned('CN=cutover stand-in', 3650, []);

/**
 * The certificate that proves a host in a handshake (RFC 8737 §3): for this host alone, with the digest of the key authorization in a critical
 * extension. The library can make one as well, but gives it a use of its key that TLS engines refuse in a server.
 */
export const proofCertificate = (host: string, keyAuthorization: string): Promise<CertificateWithKey> =>
  selfSigned(`CN=acme challenge`, 7, [
    new SubjectAlternativeNameExtension([{ type: 'dns', value: host }]),
    new Extension(
      '1.3.6.1.5.5.7.1.31',
      true,
      Buffer.concat([digestHead, createHash('sha256').update(keyAuthorization).digest()]),
    ),
  ]);
