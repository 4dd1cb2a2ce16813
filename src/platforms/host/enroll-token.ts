/** What a controller is let in by, once: which agent it has to be, and what shows that it was invited. */
export interface EnrollToken {
  /** The sha256 of the certificate of the agent's authority (DER), hex: whoever else answers is found out before the secret is said. */
  readonly authority: string;
  readonly secret: string;
}

const pattern = /^cutover1\.([0-9a-f]{64})\.([A-Za-z0-9_-]{32})$/;

export const formatEnrollToken = ({ authority, secret }: EnrollToken): string =>
  `cutover1.${authority}.${secret}`;

/** Undefined for a text that is no token. */
export function parseEnrollToken(text: string): EnrollToken | undefined {
  const [, authority, secret] = pattern.exec(text.trim()) ?? [];
  return authority === undefined || secret === undefined ? undefined : { authority, secret };
}
