import { lookup } from 'node:dns/promises';
import type { Clock } from '../ports/clock.ts';
import type { WebhookSender } from '../ports/webhook.ts';
import { attempt, type AttemptParts } from './attempt.ts';
import { Destinations } from './destinations.ts';

/** Between two tries it is never waited longer, unless the receiver asks for it. */
const longestBackoffMs = 60_000;

/** What a sender of webhooks is made with. */
export interface WebhookSenderOptions {
  readonly clock: Clock;
  /** Hosts and networks that may be called, of the home's settings; null: any but those that nobody means. */
  readonly allow?: readonly string[] | null;
  /** The addresses of a name. Default: those that the system finds. */
  readonly lookUp?: AttemptParts['lookUp'];
  /** From 0 up to 1. */
  readonly random?: () => number;
}

const systemLookUp = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** Sends webhooks over HTTP/1.1, each try on a connection of its own, straight to the host: no proxy of the environment is asked. */
export function createWebhookSender({
  clock,
  allow = null,
  lookUp = systemLookUp,
  random = Math.random,
}: WebhookSenderOptions): WebhookSender {
  const parts: AttemptParts = { clock, lookUp, destinations: new Destinations(allow) };
  return {
    async send(target, message, { timeoutMs, retries, backoffMs, withinMs = Infinity }, signal) {
      const begun = clock.monotonic();
      const left = (): number => withinMs - (clock.monotonic() - begun);
      for (let tries = 1; ; tries++) {
        signal?.throwIfAborted();
        const limitMs = Math.max(1, Math.min(timeoutMs, left()));
        const { ok, detail, ...rest } = await attempt(parts, target, message, limitMs, signal);
        signal?.throwIfAborted();
        const wait =
          rest.retryAfterMs ?? Math.min(longestBackoffMs, backoffMs * 2 ** (tries - 1)) * (0.5 + random());
        const again = !ok && rest.retryable && tries <= retries && wait < left();
        if (!again) {
          const said = tries === 1 ? detail : `${detail}, at try ${tries}`;
          return { ...rest, ok, detail: said, tries, ms: clock.monotonic() - begun };
        }
        await clock.sleep(wait, signal);
      }
    },
  };
}
