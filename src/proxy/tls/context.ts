import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, getCACertificates, type SecureContextOptions } from 'node:tls';
import { CutoverError } from '../../core/errors.ts';
import type { RouteTls } from '../../core/traffic.ts';
import type { RouteUpstreamTls } from '../../core/upstream.ts';
import { issuerOf, validityOf, type Validity } from './validity.ts';

/** What Bun's sockets take for a certificate with its key and all settings; nothing else is known of it. */
export type NativeContext = object;

/** One certificate, ready to be served. */
export interface ServedCertificate {
  readonly context: NativeContext;
  /** In lower case; `*.` stands for one label. */
  readonly hosts: readonly string[];
  readonly validity: Validity;
  readonly issuer: string;
}

type CertificateFiles = RouteTls['certificates'][number];

/** Forward secrecy and authenticated encryption only, in TLS 1.2; TLS 1.3 has no others (RFC 9325 §4.2). */
const ciphers =
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:' +
  'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305';

const versions = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } as const;

/** What a certificate is wanted for. */
type Use = 'served' | 'used';

function read(path: string, use: Use = 'served'): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw unusable(path, cause instanceof Error ? cause.message : String(cause), cause, use);
  }
}

const unusable = (path: string, found: string, cause?: unknown, use: Use = 'served'): CutoverError =>
  new CutoverError(
    'certificate-invalid',
    `${path}: expected a certificate that can be ${use}, found: ${found}`,
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
    const context = contextOf({
      cert: chain,
      key: secret,
      ciphers,
      honorCipherOrder: true,
      ...versions,
      ...(ca === undefined
        ? {}
        : { ca, requestCert: true, rejectUnauthorized: tls.clientAuth === 'required' }),
    });
    return {
      context,
      hosts: hosts.length > 0 ? hosts : hostsOf(certificate),
      validity: validityOf(certificate),
      issuer: issuerOf(certificate),
    };
  } catch (cause) {
    throw unusable(
      key,
      `not the private key of ${cert} (${cause instanceof Error ? cause.message : String(cause)})`,
      cause,
    );
  }
}

/** A context of `createSecureContext`, unwrapped: Bun’s type does not say what is in it. */
export function contextOf(options: SecureContextOptions): NativeContext {
  const made: unknown = createSecureContext(options);
  const context = made instanceof Object && 'context' in made ? made.context : null;
  if (!(context instanceof Object)) throw new Error('the runtime made no context');
  return context;
}

/**
 * What connections to instances are made with.
 *
 * @throws CutoverError `certificate-invalid` if a file is absent or no PEM, or if the key is not the certificate's
 */
export function loadUpstreamContext({ ca, cert, key }: RouteUpstreamTls): NativeContext {
  const trusted = {
    ca: ca === null ? systemAuthorities() : readAuthorities(ca, 'used'),
    ciphers,
    ...versions,
  };
  if (cert === null || key === null) return contextOf(trusted);
  const [chain, secret] = [read(cert, 'used'), read(key, 'used')];
  try {
    new X509Certificate(chain);
  } catch (cause) {
    throw unusable(cert, 'no certificate in PEM', cause, 'used');
  }
  try {
    return contextOf({ ...trusted, cert: chain, key: secret });
  } catch (cause) {
    throw unusable(
      key,
      `not the private key of ${cert} (${cause instanceof Error ? cause.message : String(cause)})`,
      cause,
      'used',
    );
  }
}

/** Those that this machine trusts; where it names none, those that the runtime brings along. */
function systemAuthorities(): string[] {
  const own = getCACertificates('system');
  return own.length > 0 ? own : getCACertificates('bundled');
}

function readAuthorities(path: string, use: Use = 'served'): string {
  const text = read(path, use);
  try {
    new X509Certificate(text);
  } catch (cause) {
    throw unusable(path, 'no certificate of an authority in PEM', cause, use);
  }
  return text;
}
