import type { Delivery } from '../ports/notifier.ts';
import type { WebhookPatience, WebhookResult } from '../ports/webhook.ts';

/** Whoever tells tries again by itself, and knows how long. */
export const oneTry: WebhookPatience = { timeoutMs: 15_000, retries: 0, backoffMs: 0 };

export const deliveryOf = ({ ok, detail, retryable, retryAfterMs }: WebhookResult): Delivery => ({
  ok,
  detail,
  retryable,
  retryAfterMs,
});
