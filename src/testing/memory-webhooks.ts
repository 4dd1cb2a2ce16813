import type { WebhookMessage, WebhookResult, WebhookSender, WebhookTarget } from '../ports/webhook.ts';

/** A message that was sent. */
export interface Sent {
  readonly target: WebhookTarget;
  readonly message: WebhookMessage;
}

/** Keeps what is sent, and lets a test say what comes of it. */
export class MemoryWebhooks implements WebhookSender {
  readonly sent: Sent[] = [];
  /** Well, unless a test says otherwise. */
  answer: (sent: Sent) => Partial<WebhookResult> = () => ({});

  send(target: WebhookTarget, message: WebhookMessage): Promise<WebhookResult> {
    const sent = { target, message };
    this.sent.push(sent);
    const { ok = true, ...rest } = this.answer(sent);
    return Promise.resolve({
      ok,
      detail: ok ? 'answered 200' : 'expected a status of class 2xx, found 500',
      status: ok ? 200 : 500,
      body: '',
      cut: false,
      tries: 1,
      ms: 1,
      retryable: !ok,
      retryAfterMs: null,
      ...rest,
    });
  }
}
