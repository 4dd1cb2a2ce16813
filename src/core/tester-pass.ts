/** What a token says: until when it opens a service’s preview, and which release it is for; null: the one that is next. */
export interface TesterPass {
  /** In seconds since 1970. */
  readonly expiresS: number;
  readonly release: number | null;
}

/** How long a token may last. */
export const longestPassS = 30 * 86_400;

/** What is signed of it: the service too, so that a token opens no other one. */
export const signedText = (service: string, { expiresS, release }: TesterPass): string =>
  `cutover preview 1\n${service}\n${expiresS}\n${release ?? 0}`;

/** A token as it stands in links and cookies. */
export const tokenText = ({ expiresS, release }: TesterPass, signature: string): string =>
  `1.${expiresS.toString(36)}.${release ?? 0}.${signature}`;

/** Octets of the longest token. */
export const longestToken = 96;

/** What a token says, and its signature, which nobody has looked at yet; null if it is none. */
export function parseToken(text: string): { readonly pass: TesterPass; readonly signature: string } | null {
  const [, expires = '', release = '', signature = ''] =
    /^1\.([0-9a-z]{1,8})\.(0|[1-9]\d{0,8})\.([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  if (signature === '') return null;
  return { pass: { expiresS: parseInt(expires, 36), release: Number(release) || null }, signature };
}
