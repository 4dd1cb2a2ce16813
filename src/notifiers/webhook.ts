import { rendered } from '../core/template.ts';
import type { NoticeMessage, Notifier } from '../ports/notifier.ts';
import type { WebhookSender, WebhookTarget } from '../ports/webhook.ts';
import { deliveryOf, oneTry } from './delivery.ts';

/** The document that a receiver gets: of the form that Standard Webhooks recommend, with the whole receipt. */
export const noticeDocument = ({ id, on, at, template, facts, receipt }: NoticeMessage): unknown => ({
  type: `notice.${on}`,
  timestamp: new Date(at).toISOString(),
  data: { ...facts, id, text: rendered(template, facts).trim(), receipt },
});

/** Tells a receiver of webhooks. */
export const webhookNotifier = (webhooks: WebhookSender, target: WebhookTarget): Notifier => ({
  async send(message, signal) {
    const body = JSON.stringify(noticeDocument(message));
    return deliveryOf(await webhooks.send(target, { id: message.id, body }, oneTry, signal));
  },
});
