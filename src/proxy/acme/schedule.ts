import { createHash } from 'node:crypto';
import type { Validity } from '../tls/validity.ts';

/** Part of its life after which a certificate is renewed at the latest. */
const renewedAt = 2 / 3;
/** Part of its life over which renewals are spread. */
const spread = 1 / 30;

const minuteMs = 60_000;
/** How many first waits lie between two certificates of a host: one that seems old when it comes, as the clock is wrong, is not replaced at once. */
const restingWaits = 10;
const longestBackoffMs = 6 * 60 * minuteMs;
/** An authority that asks for more than this is asked again all the same. */
const longestRetryAfterMs = 7 * 24 * 60 * minuteMs;

/**
 * When a certificate is to be renewed: by two thirds of its life, and up to a thirtieth of it earlier, so that not all that were
 * obtained together are renewed together. The same certificate gives the same time, also after a restart.
 *
 * @param id what tells it from others, such as its fingerprint
 */
export function renewalTime({ from, until }: Validity, id: string): number {
  const part = createHash('sha256').update(id).digest().readUInt32BE(0) / 2 ** 32;
  return Math.round(from + (until - from) * (renewedAt - spread * part));
}

/** How long a host that has just got a certificate is let alone, whatever that says. */
export const restMs = (firstMs = minuteMs): number => restingWaits * firstMs;

/**
 * How long to wait after so many failures in a row: a minute, doubling up to six hours, and up to a tenth more by chance. The usual
 * limit of an authority, five failed proofs of a host in an hour, is kept to. What the authority itself asked for counts
 * if it is longer.
 *
 * @param failures 1 or more
 * @param retryAfterMs what the authority asked for (RFC 8555 §6.6); null: nothing
 * @param chance from 0 to 1
 */
export function retryDelayMs(
  failures: number,
  retryAfterMs: number | null,
  chance: number,
  firstMs = minuteMs,
): number {
  const backoff = Math.min(longestBackoffMs, firstMs * 2 ** Math.min(failures - 1, 30));
  const asked = Math.min(longestRetryAfterMs, retryAfterMs ?? 0);
  return Math.round(Math.max(backoff * (1 + chance / 10), asked));
}
