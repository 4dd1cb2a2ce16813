import { z } from 'zod';
import {
  AuthorityDirectory,
  AuthorizedHost,
  ChallengeKind,
  defaultDirectory,
  Mail,
} from '../certificate-authority.ts';
import { AddressText } from '../address.ts';
import { Duration } from '../duration.ts';

const file = z.string().min(1, { error: 'expected the path of a file' });
const Acme = z.strictObject({
  hosts: z
    .array(AuthorizedHost)
    .min(1, { error: 'expected at least one host' })
    .max(1000)
    .describe('The hosts; each gets a certificate of its own.'),
  email: Mail.optional().describe('Where the authority writes about the account.'),
  directory: AuthorityDirectory.default(defaultDirectory).describe(
    'The directory of the authority. Default: Let’s Encrypt.',
  ),
  ca: file
    .optional()
    .describe(
      'Certificates (PEM) by which the authority’s own server is trusted, for a private or a test authority.',
    ),
  challenge: ChallengeKind.default('http-01').describe(
    'How the authority is shown that a host is ours: by a file over plain HTTP at port 80, or in a TLS handshake at port 443.',
  ),
  agreeTos: z
    .literal(true, { error: 'expected true: an authority signs only for those who agree to its terms' })
    .describe('That you agree to the authority’s terms of service.'),
});
/** TLS towards clients: whose certificates, and what is asked of clients. */
export const Tls = z
  .strictObject({
    certificates: z
      .array(
        z.strictObject({
          cert: file.describe('The chain in PEM, the certificate of the host first.'),
          key: file.describe('Its private key in PEM. It is read by the proxy and never recorded.'),
          hosts: z
            .array(
              z.string().regex(/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, {
                error: 'expected a host name in lower case, e.g. shop.example or *.shop.example',
              }),
            )
            .max(1000)
            .default([])
            .describe('The hosts that it is for. Default: those that the certificate names.'),
        }),
      )
      .max(1000)
      .default([])
      .describe(
        'The certificates, chosen by the host that a client asks for (SNI); the first is for all others. Files are relative to the spec, and are read again when they change.',
      ),
    redirect: AddressText.optional().describe('Where plain HTTP is answered with a redirect to https (308).'),
    hsts: Duration.optional().describe(
      'For how long browsers may use nothing but https: Strict-Transport-Security is sent.',
    ),
    clientCa: file
      .optional()
      .describe('Authorities (PEM) that sign the certificates of clients; clients are then asked for one.'),
    clientAuth: z
      .enum(['required', 'optional'])
      .default('required')
      .describe('With `clientCa`: whether a client without a good certificate is refused.'),
    acme: Acme.optional().describe(
      'Has the proxy obtain certificates from an authority by itself, and renew them (RFC 8555).',
    ),
  })
  .refine(({ certificates, acme }) => certificates.length > 0 || acme !== undefined, {
    error: 'expected at least one certificate, or acme',
    path: ['certificates'],
  });
