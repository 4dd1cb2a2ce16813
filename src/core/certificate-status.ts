import { z } from 'zod';

/** One certificate that is served, or is to be. */
export const CertificateStatus = z.object({
  services: z.array(z.string()),
  hosts: z.array(z.string()),
  /** The file that it is read from, or the directory of the authority that signs it. */
  source: z.string(),
  /** Null, as `expiresAt`, if there is none yet. */
  issuer: z.string().nullable(),
  /** Milliseconds since 1970. */
  expiresAt: z.number().nullable(),
  /** When it is asked for next; null if it is not for the proxy to renew. */
  renewsAt: z.number().nullable(),
  /** Why the files as they are now, or the last answer of the authority, are not served. */
  problem: z.string().nullable(),
});
export type CertificateStatus = z.infer<typeof CertificateStatus>;
