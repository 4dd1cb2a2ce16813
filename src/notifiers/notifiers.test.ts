import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { systemClock } from '../clocks/system.ts';
import { NotifyTarget } from '../core/spec/notify.ts';
import type { Notifier } from '../ports/notifier.ts';
import { MemoryNotifier } from '../testing/memory-notifier.ts';
import { noticeMessage } from '../testing/notice-messages.ts';
import { notifierSuite, type NotifierHarness } from '../testing/notifier.suite.ts';
import { WebhookReceiver, type Received } from '../testing/webhook-receiver.ts';
import { createWebhookSender } from '../webhooks/sender.ts';
import { createNotifier } from './index.ts';
import { slackDocument, slackEscaped } from './slack.ts';

const base = mkdtempSync(join(tmpdir(), 'notifiers of '));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const webhooks = createWebhookSender({ clock: systemClock });
const receipt = { text: () => 'a receipt', page: () => '<p>a receipt</p>' };
const notifierOf = (target: z.input<typeof NotifyTarget>): Notifier =>
  createNotifier({ webhooks, receipt }, NotifyTarget.parse(target), base);

/** A harness around a receiver of webhooks. */
function harnessOf(
  target: (url: string) => z.input<typeof NotifyTarget>,
  textOf: (received: Received) => string,
): Promise<NotifierHarness> {
  let status = 200;
  let isHanging = false;
  const receiver = new WebhookReceiver(() =>
    isHanging ? new Promise<Response>(() => undefined) : new Response('ok', { status }),
  );
  return Promise.resolve({
    notifier: notifierOf(target(`${receiver.url}/services/T0/B0/secret`)),
    arrived: () =>
      Promise.resolve(
        receiver.received.map((received) => ({
          id: received.headers.get('webhook-id') ?? '',
          text: textOf(received),
        })),
      ),
    refuse: (how) => void (status = how === 'for good' ? 404 : 503),
    hang: () => void (isHanging = true),
    hanging: () => receiver.until(1),
    leave: () => receiver.close(),
    close: () => receiver.close(),
  });
}

const SlackBody = z.object({
  text: z.string(),
  blocks: z.array(z.object({ type: z.string() }).loose()),
});
const WebhookBody = z.object({
  type: z.string(),
  timestamp: z.string(),
  data: z.object({ text: z.string(), receipt: z.object({ requests: z.number() }).nullable() }).loose(),
});

notifierSuite(
  'slack',
  () =>
    harnessOf(
      (url) => ({ slack: { url } }),
      ({ body }) => SlackBody.parse(JSON.parse(body)).text,
    ),
  slackEscaped,
);
notifierSuite('webhook', () =>
  harnessOf(
    (url) => ({ webhook: { url } }),
    ({ body }) => WebhookBody.parse(JSON.parse(body)).data.text,
  ),
);
notifierSuite('memory', () => {
  const memory = new MemoryNotifier();
  const begun = Promise.withResolvers<undefined>();
  const abort = new AbortController();
  return Promise.resolve({
    notifier: {
      send: (message, signal) => {
        signal?.addEventListener('abort', () => abort.abort(signal.reason));
        return memory.to('chat').send(message, signal);
      },
    },
    arrived: () => Promise.resolve(memory.told.map(({ message, text }) => ({ id: message.id, text }))),
    refuse: (how) => void (memory.answer = () => ({ ok: false, retryable: how === 'for now' })),
    hang: () =>
      void (memory.answer = () => {
        begun.resolve(undefined);
        return new Promise((_, reject) =>
          abort.signal.addEventListener('abort', () => reject(abort.signal.reason as Error)),
        );
      }),
    hanging: () => begun.promise,
    leave: () => Promise.resolve(void (memory.answer = () => ({ ok: false }))),
    close: () => Promise.resolve(),
  });
});

describe('what Slack is sent', () => {
  test('is a text that says all, and blocks that say it well', () => {
    expect(slackDocument(noticeMessage())).toEqual({
      text: 'shop: release 12 (1.4.0) by ada',
      blocks: [
        { type: 'section', text: { type: 'mrkdwn', text: 'shop: release 12 (1.4.0) by ada' } },
        {
          type: 'context',
          elements: [{ type: 'mrkdwn', text: 'deployment 12 · by ada · switched in 3ms' }],
        },
      ],
    });
  });

  test('has the words of a template as they are, and the facts in them escaped', () => {
    const message = noticeMessage({ template: '<!here> *{{by}}*', facts: { by: '<!channel> & co' } });
    expect(slackDocument(message)).toMatchObject({ text: '<!here> *&lt;!channel&gt; &amp; co*' });
  });

  test('is cut where Slack would take no more', () => {
    const { blocks } = z
      .object({ blocks: z.array(z.object({ text: z.object({ text: z.string() }).optional() })) })
      .parse(slackDocument(noticeMessage({ facts: { by: 'x'.repeat(5000) } })));
    expect(blocks[0]?.text?.text).toHaveLength(3000);
  });

  test('goes to an address that is shown nowhere', async () => {
    const receiver = new WebhookReceiver(() => new Response('channel_is_archived', { status: 410 }));
    const { url } = receiver;
    const { detail } = await notifierOf({ slack: { url: `${url}/services/T0/secret` } }).send(
      noticeMessage(),
    );
    await receiver.close();
    expect(detail).toBe(`POST ${url}/…: expected a status of class 2xx, found 410: channel_is_archived`);
  });
});

test('what a webhook is sent is signed, and has the facts, the text and the receipt', async () => {
  const receiver = new WebhookReceiver();
  writeFileSync(join(base, 'secret'), 'hush');
  await notifierOf({ webhook: { url: receiver.url, secretFile: 'secret' } }).send(noticeMessage());
  await receiver.close();
  const [got] = receiver.received;
  expect(got?.headers.get('webhook-signature')).toMatch(/^v1,/);
  expect(JSON.parse(got?.body ?? '')).toMatchObject({
    type: 'notice.succeeded',
    timestamp: '2023-11-14T22:13:32.000Z',
    data: { id: 'notice-shop-7-x-1', service: 'shop', release: '12', receipt: { requests: 1234 } },
  });
});
