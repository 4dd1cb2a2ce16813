import { CutoverError } from '../core/errors.ts';
import type { NotifyTarget } from '../core/spec/notify.ts';
import { webhookTarget } from '../core/webhook-target.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { WebhookSender } from '../ports/webhook.ts';
import { emailNotifier } from './email.ts';
import type { ReceiptShown } from './mail.ts';
import { slackNotifier } from './slack.ts';
import { webhookNotifier } from './webhook.ts';

/** What drivers of notifications are made with. */
export interface NotifierParts {
  readonly webhooks: WebhookSender;
  readonly receipt: ReceiptShown;
}

/** The driver for a target of a spec. Paths in it are relative to `base`. */
export function createNotifier(
  { webhooks, receipt }: NotifierParts,
  { slack, webhook, email }: NotifyTarget,
  base: string,
): Notifier {
  const file = (path: string): string => (path.startsWith('/') ? path : `${base}/${path}`);
  if (slack) return slackNotifier(webhooks, webhookTarget({ ...slack, headers: {} }, base));
  if (webhook) return webhookNotifier(webhooks, webhookTarget(webhook, base));
  if (email) return emailNotifier(email, file, receipt);
  throw new CutoverError('internal', 'a target of notifications without a kind');
}
