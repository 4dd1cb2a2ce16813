import type { X509Certificate } from 'node:crypto';

/** When a certificate holds, in milliseconds since 1970. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

/** When it holds (RFC 5280 §4.1.2.5). */
export const validityOf = (certificate: X509Certificate): Validity => ({
  from: Date.parse(certificate.validFrom),
  until: Date.parse(certificate.validTo),
});

/** Who signed it, as people call it: the common name, else the organization. */
export function issuerOf({ issuer }: X509Certificate): string {
  const part = (name: string): string | undefined =>
    issuer
      .split('\n')
      .find((line) => line.startsWith(`${name}=`))
      ?.slice(name.length + 1);
  return part('CN') ?? part('O') ?? 'unknown';
}

/**
 * From when on a person should look at a certificate that nobody has renewed: two weeks before its end, or a quarter of its life if
 * that is shorter.
 */
export const expiresSoonAt = ({ from, until }: Validity): number =>
  until - Math.min(14 * 24 * 3_600_000, (until - from) / 4);
