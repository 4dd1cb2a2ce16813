import { z } from 'zod';
import { AuthorityDirectory, AuthorizedHost, ChallengeKind, Mail } from '../../core/certificate-authority.ts';

/** What proves to an authority that a host is ours, for as long as it asks. */
export const Challenge = z.discriminatedUnion('kind', [
  /** `GET /.well-known/acme-challenge/TOKEN` is answered with this text (RFC 8555 §8.3). The token goes into a path as it is. */
  z.object({
    kind: z.literal('http-01'),
    token: z.string().regex(/^[A-Za-z0-9_-]{16,200}$/),
    answer: z.string().regex(/^[A-Za-z0-9_.-]{16,400}$/),
  }),
  /** A handshake for the host that offers `acme-tls/1` alone gets this certificate (RFC 8737 §3). Both in PEM. */
  z.object({
    kind: z.literal('tls-alpn-01'),
    host: AuthorizedHost,
    certificate: z.string(),
    key: z.string(),
  }),
]);
export type Challenge = z.infer<typeof Challenge>;

/** From the keeper to the process that speaks to an authority. */
export const IssuerOrder = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('obtain'),
    host: AuthorizedHost,
    directory: AuthorityDirectory,
    /** PEM; null: what the system trusts. */
    ca: z.string().nullable(),
    email: Mail.nullable(),
    challenge: ChallengeKind,
    /** PEM; null: there is no account yet. */
    accountKey: z.string().nullable(),
  }),
  /** Every worker knows the challenge, so the authority may ask. */
  z.object({ kind: z.literal('ready') }),
  /** A certificate signed by itself is wanted, for the time until there is another one. */
  z.object({ kind: z.literal('stand-in') }),
]);
export type IssuerOrder = z.infer<typeof IssuerOrder>;

/** From that process to the keeper. All keys and certificates are PEM. */
export const IssuerReport = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('listening') }),
  /** The key of an account that is about to be made: to be kept before the authority hears of it. */
  z.object({ kind: z.literal('account'), key: z.string() }),
  z.object({ kind: z.literal('challenge'), challenge: Challenge }),
  z.object({ kind: z.literal('obtained'), chain: z.string(), key: z.string() }),
  z.object({
    kind: z.literal('failed'),
    message: z.string(),
    /** What the authority asked for. */
    retryAfterMs: z.number().min(0).nullable(),
  }),
]);
export type IssuerReport = z.infer<typeof IssuerReport>;
