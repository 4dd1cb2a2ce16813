import { rendered } from '../core/template.ts';
import type { NoticeMessage, Notifier } from '../ports/notifier.ts';
import type { WebhookSender, WebhookTarget } from '../ports/webhook.ts';
import { deliveryOf, oneTry } from './delivery.ts';

/** The longest text of a section. */
const longestSection = 3000;

/** What would begin a link, a mention or an entity, as text (Slack: “Escaping text”). */
export const slackEscaped = (value: string): string =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * The document that an incoming webhook of Slack takes. `text` says all of it, for notices on a telephone and for those that know no
 * blocks (Mattermost, Discord).
 */
export function slackDocument({ template, facts, on }: NoticeMessage): unknown {
  const text = rendered(template, facts, slackEscaped).trim();
  const context = [
    facts.deployment === '' ? null : `deployment ${facts.deployment}`,
    facts.by === '' ? null : `by ${facts.by}`,
    on === 'succeeded' && facts.switchTime !== '' ? `switched in ${facts.switchTime}` : null,
    facts.code === '' ? null : facts.code,
  ].filter((part) => part !== null);
  const section = text.length > longestSection ? `${text.slice(0, longestSection - 1)}…` : text;
  return {
    text,
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: section } },
      ...(context.length > 0
        ? [{ type: 'context', elements: [{ type: 'mrkdwn', text: slackEscaped(context.join(' · ')) }] }]
        : []),
    ],
  };
}

/** Tells a channel through an incoming webhook. */
export const slackNotifier = (webhooks: WebhookSender, target: WebhookTarget): Notifier => ({
  async send(message, signal) {
    const body = JSON.stringify(slackDocument(message));
    const result = await webhooks.send(
      { ...target, isSecret: true },
      { id: message.id, body },
      oneTry,
      signal,
    );
    // Slack says in a word what is wrong: invalid_payload, channel_is_archived.
    const word = /^[a-z_ ]{1,60}$/.exec(result.body)?.[0];
    const delivery = deliveryOf(result);
    return result.ok || word === undefined
      ? delivery
      : { ...delivery, detail: `${delivery.detail}: ${word}` };
  },
});
