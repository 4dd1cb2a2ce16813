import { z } from 'zod';
import { Duration } from '../duration.ts';
import { noticeFacts, noticeKinds } from '../notice-kinds.ts';
import { templateFlaw } from '../template.ts';
import { shownHost } from '../webhook-url.ts';
import { exactlyOne } from './check.ts';
import { WebhookSpec, WebhookUrl, webhookName } from './webhook.ts';

const file = z.string().min(1, { error: 'expected the path of a file' });

const Template = z
  .string()
  .min(1)
  .max(4000)
  .superRefine((template, context) => {
    const flaw = templateFlaw(template, noticeFacts);
    if (flaw !== null) context.addIssue({ code: 'custom', input: template, message: flaw });
  });

const oneUrl = exactlyOne('url', 'urlFile');
const Slack = z
  .strictObject({
    url: WebhookUrl.optional().describe(
      'The address of the incoming webhook. It is a secret: a file is the better place.',
    ),
    urlFile: file.optional().describe('The file that its address is read from, relative to the spec.'),
  })
  .refine(oneUrl.holds, oneUrl.error)
  .meta(oneUrl.schema);

const addressError = { error: 'expected an address such as deploys@shop.example' };
/** One address, without a name: nothing that could begin another header or another recipient. */
const MailAddress = z
  .string(addressError)
  .max(254, addressError)
  .regex(/^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/, addressError);

const hostError = { error: 'expected the name or the address of a host, e.g. smtp.shop.example' };
const Email = z
  .strictObject({
    smtp: z
      .strictObject({
        host: z
          .string(hostError)
          .max(253, hostError)
          .regex(/^[A-Za-z0-9.:_-]+$/, hostError)
          .describe('The server that takes the mail.'),
        port: z
          .int()
          .min(1)
          .max(65535)
          .optional()
          .describe('Default: 587; with `tls: implicit` 465, with `none` 25.'),
        tls: z
          .enum(['starttls', 'implicit', 'none'])
          .default('starttls')
          .describe(
            '`starttls`: begins in the clear and must then change to TLS. `implicit`: TLS from the start. `none`: in the clear, for a server on this machine.',
          ),
        ca: file
          .optional()
          .describe('The authorities (PEM) that sign its certificate. Default: those of the system.'),
        user: z.string().min(1).max(320).optional().describe('Who logs in there.'),
        passwordFile: file.optional().describe('The file with the password, relative to the spec.'),
      })
      .superRefine(({ user, passwordFile, tls }, context) => {
        const refuse = (key: string, input: unknown, message: string): void =>
          context.addIssue({ code: 'custom', path: [key], input, message });
        if (user !== undefined && passwordFile === undefined)
          refuse('passwordFile', undefined, 'expected passwordFile beside user');
        if (user === undefined && passwordFile !== undefined)
          refuse('user', undefined, 'expected user beside passwordFile');
        if (user !== undefined && tls === 'none')
          refuse('tls', tls, 'expected starttls or implicit with a user: the password would go in the clear');
      })
      .describe('How it is sent.'),
    from: MailAddress.describe('Whom it is from.'),
    to: z.array(MailAddress).min(1).max(50).describe('Whom it goes to.'),
    subject: Template.optional().describe('Default: the first line of the text.'),
  })
  .describe('Mail, with the receipt as text and as a page.');

const oneTarget = exactlyOne('slack', 'webhook', 'email');

/** Somewhere that is told what happens. */
export const NotifyTarget = z
  .strictObject({
    name: z.string().min(1).max(80).optional().describe('What it is called in views and metrics.'),
    on: z
      .array(z.enum(noticeKinds))
      .min(1)
      .default(['waiting', 'succeeded', 'rolled-back', 'failed', 'frozen'])
      .describe('What it is told of.'),
    slack: Slack.optional().describe(
      'An incoming webhook of Slack, or of what takes the same: Mattermost, Discord.',
    ),
    webhook: WebhookSpec.optional().describe('A JSON document, signed, with the receipt.'),
    email: Email.optional(),
    template: Template.optional().describe(
      'What is said, with {{service}}, {{release}}, {{outcome}} and more. Default: a line for each kind.',
    ),
    giveUpAfter: Duration.default(3_600_000).describe('How long it is tried again.'),
  })
  .refine(oneTarget.holds, oneTarget.error)
  .meta(oneTarget.schema);
export type NotifyTarget = z.infer<typeof NotifyTarget>;

/** What a target is called: without anything secret in it. */
export function targetName({ name, slack, webhook, email }: NotifyTarget): string {
  if (name !== undefined) return name;
  if (webhook) return `webhook ${webhookName(webhook)}`;
  if (slack)
    return `slack ${slack.url === undefined ? `at the address in ${slack.urlFile}` : shownHost(slack.url)}`;
  return `email to ${email?.to.join(', ') ?? 'nobody'}`;
}
