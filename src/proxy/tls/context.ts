import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { CutoverError } from '../../core/errors.ts';
import type { RouteTls } from '../../core/traffic.ts';

/** What Bun's sockets take for a certificate with its key and all settings; nothing else is known of it. */
export type NativeContext = object;

/** One certificate, ready to be served. */
export interface ServedCertificate {
  readonly context: NativeContext;
  /** In lower case; `*.` stands for one label. */
  readonly hosts: readonly string[];
}

type CertificateFiles = RouteTls['certificates'][number];

/** Forward secrecy and authenticated encryption only, in TLS 1.2; TLS 1.3 has no others (RFC 9325 §4.2). */
const ciphers =
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:' +
  'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305';

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw unusable(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

const unusable = (path: string, found: string, cause?: unknown): CutoverError =>
  new CutoverError(
    'certificate-invalid',
    `${path}: expected a certificate that can be served, found: ${found}`,
    {
      next: 'mend the file; it is read again by itself',
      cause,
    },
  );

/** The hosts that a certificate is for: its names of type DNS (RFC 9525 §6.3). */
const hostsOf = (certificate: X509Certificate): string[] =>
  (certificate.subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('DNS:'))
    .map((name) => name.slice(4).toLowerCase());

/**
 * Reads and checks one certificate with its key.
 *
 * @throws CutoverError `certificate-invalid` if a file is absent or no PEM, or if the key is not the certificate's
 */
export function loadCertificate({ cert, key, hosts }: CertificateFiles, tls: RouteTls): ServedCertificate {
  const [chain, secret] = [read(cert), read(key)];
  const ca = tls.clientCa === null ? undefined : readAuthorities(tls.clientCa);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(chain);
  } catch (cause) {
    throw unusable(cert, 'no certificate in PEM', cause);
  }
  try {
    // Bun's type of a context does not say what is in it.
    const made: unknown = createSecureContext({
      cert: chain,
      key: secret,
      ciphers,
      honorCipherOrder: true,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      ...(ca === undefined
        ? {}
        : { ca, requestCert: true, rejectUnauthorized: tls.clientAuth === 'required' }),
    });
    const context = made instanceof Object && 'context' in made ? made.context : null;
    if (!(context instanceof Object)) throw new Error('the runtime made no context');
    return { context, hosts: hosts.length > 0 ? hosts : hostsOf(certificate) };
  } catch (cause) {
    throw unusable(
      key,
      `not the private key of ${cert} (${cause instanceof Error ? cause.message : String(cause)})`,
      cause,
    );
  }
}

function readAuthorities(path: string): string {
  const text = read(path);
  try {
    new X509Certificate(text);
  } catch (cause) {
    throw unusable(path, 'no certificate of an authority in PEM', cause);
  }
  return text;
}
