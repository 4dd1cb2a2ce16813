import { z } from 'zod';

const hostError = {
  error:
    'expected a host name such as shop.example, in lower case; a wildcard needs a proof by DNS, which is not offered',
};

/** A name that an authority can be asked about over HTTP or TLS: labels with dots between, no wildcard, no address (RFC 8555 §7.1.3). */
export const AuthorizedHost = z
  .string(hostError)
  .max(253, hostError)
  .regex(/^(?=.*[a-z])([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]$/, hostError);

const directoryError = { error: 'expected the https:// URL of a directory (RFC 8555 §7.1.1)' };

/** The directory of an authority. Only over TLS: whoever could change its answers could have any key signed. */
export const AuthorityDirectory = z
  .string(directoryError)
  .max(2000, directoryError)
  .regex(/^https:\/\/[^\s/?#@]+(\/[^\s#]*)?$/, directoryError);

/** Let's Encrypt. */
export const defaultDirectory = 'https://acme-v02.api.letsencrypt.org/directory';

/** How an authority is shown that a host is ours: RFC 8555 §8.3, RFC 8737. */
export const challengeKinds = ['http-01', 'tls-alpn-01'] as const;
export const ChallengeKind = z.enum(challengeKinds);
export type ChallengeKind = z.infer<typeof ChallengeKind>;

export const mailError = { error: 'expected a mail address such as admin@shop.example' };
export const Mail = z
  .string(mailError)
  .max(254, mailError)
  .regex(/^[^\s@,;<>"]+@[^\s@,;<>"]+$/, mailError);

/** Which authority signs certificates for which hosts, as a router knows it. */
export const RouteAuthority = z.object({
  hosts: z.array(AuthorizedHost).min(1).max(1000),
  /** Where the authority writes about the account; null: nowhere. */
  email: Mail.nullable(),
  directory: AuthorityDirectory,
  /** Certificates (PEM) that the authority's own server is trusted by, as an absolute path; null: those of the system. */
  ca: z.string().nullable(),
  challenge: ChallengeKind,
});
export type RouteAuthority = z.infer<typeof RouteAuthority>;
