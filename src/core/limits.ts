import { z } from 'zod';
import { Duration } from './duration.ts';

const bytes = (least: number, most: number) =>
  z
    .int()
    .min(least)
    .max(most, { error: `expected at most ${most} bytes` });
const upTo = (most: number) => z.int().min(0).max(most);

/** What a user writes under `router.limits`; each is answered as docs/limits.md says. */
export const Limits = z.strictObject({
  target: bytes(64, 65_536)
    .default(8192)
    .describe('The longest target (path and query) of a request line, in bytes: 414.'),
  head: bytes(1024, 262_144)
    .default(32_768)
    .describe('The longest head of a request, in bytes, request line included: 431.'),
  headers: z.int().min(8).max(1024).default(128).describe('The most header lines of a request: 431.'),
  body: z
    .int()
    .min(0)
    .default(0)
    .describe(
      'The longest body of a request, in bytes as they come (a chunked body with its chunk lines): 413. 0: any length.',
    ),
  idle: Duration.default(75_000).describe(
    'Between two requests of one connection, and before the first: it is closed without a word.',
  ),
  headTime: Duration.default(15_000).describe('From the first byte of a head to its last: 408.'),
  bodyIdle: Duration.default(60_000).describe(
    'Without a byte of a body: a request’s is answered by 408; a client that does not read its response is cut.',
  ),
  rate: upTo(1_000_000_000)
    .default(240)
    .describe(
      'Bytes a second that a client has to send of a body, or take of a response, on average beyond the first `bodyIdle`: else 408, or cut. 0: any.',
    ),
  total: Duration.default(0).describe(
    'From the whole head of a request to the end of its response: 504, or cut if the response has begun. 0: any time.',
  ),
  connect: Duration.default(5000).describe(
    'Until an instance has taken a connection: then the next one is tried; 504 if there is none.',
  ),
  response: Duration.default(60_000).describe('From the whole request to the head of the response: 504.'),
  responseIdle: Duration.default(60_000).describe(
    'Without a byte of a response that has begun: the client’s connection is reset.',
  ),
  clientConnections: upTo(1_000_000)
    .default(0)
    .describe('Connections of one client address in one worker; one more is closed at once. 0: any number.'),
  perInstance: upTo(1_000_000)
    .default(0)
    .describe(
      'Requests (with `protocol: tcp`, connections) that an instance has at a time, divided among the workers, at least one for each; more of them wait. 0: any number.',
    ),
  queue: upTo(1_000_000)
    .default(65_536)
    .describe(
      'Requests that wait in one worker, during a switch or because every instance has `perInstance`; one more is answered by 503.',
    ),
  queueWait: Duration.default(30_000).describe('How long a request waits for an instance: then 503.'),
});
export type Limits = z.infer<typeof Limits>;

const count = z.int().min(0);
const ms = z.number().min(0);
/** The same on the wire to a router, times in milliseconds. What is not said stays at the router's own default. */
export const RouteLimits = z
  .object({
    target: count.max(65_536),
    head: count.max(262_144),
    headers: count.max(1024),
    body: count,
    idle: ms,
    headTime: ms,
    bodyIdle: ms,
    rate: count,
    total: ms,
    connect: ms,
    response: ms,
    responseIdle: ms,
    clientConnections: count,
    perInstance: count,
    queue: count,
    queueWait: ms,
  })
  .partial();
export type RouteLimits = z.infer<typeof RouteLimits>;

/** Whether both say the same, key by key. */
export function sameLimits(a: RouteLimits = {}, b: RouteLimits = {}): boolean {
  const keys = Object.keys(RouteLimits.shape) as (keyof RouteLimits)[];
  return keys.every((key) => a[key] === b[key]);
}
