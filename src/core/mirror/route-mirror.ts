import { z } from 'zod';
import { Colour } from '../colour-schema.ts';
import { HeaderName } from '../sticky.ts';
import { pathRulePattern } from './path-rule.ts';
import { isSafePattern } from './safe-pattern.ts';

export const mirrorMethods = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export const MirrorMethod = z.enum(mirrorMethods);
export type MirrorMethod = z.infer<typeof MirrorMethod>;

/** Methods that ask and change nothing (RFC 9110 §9.2.1). */
export const safeMethods: readonly MirrorMethod[] = ['GET', 'HEAD', 'OPTIONS'];
export const isSafeMethod = (method: MirrorMethod): boolean => safeMethods.includes(method);

const ignoreError = {
  error: 'expected a place in JSON such as $.requestId or $..updatedAt, or a header such as "header date"',
};
/** What is not compared: a place in JSON with all below it, `header NAME`, or `body`. */
export const IgnoreRule = z
  .string(ignoreError)
  .max(500, ignoreError)
  .regex(new RegExp(`^body$|^header [!#$%&'*+.^_\`|~0-9A-Za-z-]+$|${pathRulePattern.source}`), ignoreError);

const fieldError = { error: 'expected the name of a field such as iban, or a place such as $.user.email' };
/** What is never shown: a field by its name, wherever it is, or a place in JSON. */
export const SecretField = z
  .string(fieldError)
  .min(1, fieldError)
  .max(500, fieldError)
  .regex(new RegExp(`^[^\\s$][^\\r\\n]*$|${pathRulePattern.source}`), fieldError);

const patternError = {
  error:
    'expected a regular expression of at most 200 characters, with at most two of *, + and {n,}, none of them on a group, and no back references',
};
/** A pattern that takes a bounded time on any text. */
export const SecretPattern = z
  .string(patternError)
  .max(200, patternError)
  .refine((source) => isSafePattern(source), patternError);

/** What of two answers is compared. */
export const Compare = z.strictObject({ headers: z.array(HeaderName).max(50), bodies: z.boolean() });
export type Compare = z.infer<typeof Compare>;

/** What is not shown beyond what never is. */
export const Redact = z.strictObject({
  headers: z.array(HeaderName).max(50),
  fields: z.array(SecretField).max(100),
  patterns: z.array(SecretPattern).max(20),
});
export type Redact = z.infer<typeof Redact>;

/** How a router copies requests of the live side to the other one, and how answers are compared. */
export const RouteMirror = z.strictObject({
  /** Names the report: another mirror, another id. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  to: Colour,
  /** Of the requests to the other side, from 0 to 1. */
  share: z.number().gt(0).max(1),
  methods: z.array(MirrorMethod).min(1).max(mirrorMethods.length),
  /** The longest request body, and the longest response body, that is copied. */
  bodyBytes: z.int().min(0).max(8_388_608),
  /** How many copies wait at most until they can be sent; more are dropped and counted. */
  queue: z.int().min(1).max(100_000),
  /** How many copies are under way at once. */
  concurrency: z.int().min(1).max(1000),
  /** How long the other side may take for an answer. */
  timeoutMs: z.number().min(10).max(300_000),
  /** Whether requests whose answers differ are sent to live once more, to see whether it differs from itself. */
  noise: z.boolean(),
  compare: Compare,
  ignore: z.array(IgnoreRule).max(200),
  redact: Redact,
  /** Header fields that the other side does not get. */
  strip: z.array(HeaderName).max(50),
});
export type RouteMirror = z.infer<typeof RouteMirror>;

/** The same by value; absent: nothing is mirrored. */
export const sameMirror = (a: RouteMirror | undefined, b: RouteMirror | undefined): boolean =>
  JSON.stringify(a && RouteMirror.parse(a)) === JSON.stringify(b && RouteMirror.parse(b));
