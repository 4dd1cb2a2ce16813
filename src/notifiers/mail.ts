import type { Receipt } from '../core/receipt.ts';
import type { NotifyTarget } from '../core/spec/notify.ts';
import { rendered } from '../core/template.ts';
import type { NoticeMessage } from '../ports/notifier.ts';

/** How a receipt is shown in a mail. */
export interface ReceiptShown {
  readonly text: (receipt: Receipt) => string;
  readonly page: (receipt: Receipt) => string;
}

/** A mail, as nodemailer takes it. */
export interface Mail {
  readonly from: string;
  readonly to: string[];
  readonly subject: string;
  readonly text: string;
  readonly messageId: string;
  readonly headers: Record<string, string>;
  readonly attachments: { filename: string; content: string; contentType: string }[];
}

const longestSubject = 200;

/** In one line, whatever was in it: a header ends with its line (RFC 5322 §2.2). */
const oneLine = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, longestSubject);

/** The mail for a message: the receipt below the text, and as a page beside it. */
export function mailOf(
  { from, to, subject }: NonNullable<NotifyTarget['email']>,
  { id, template, facts, receipt }: NoticeMessage,
  shown: ReceiptShown,
): Mail {
  const text = rendered(template, facts).trim();
  const title = subject === undefined ? (text.split('\n')[0] ?? '') : rendered(subject, facts);
  return {
    from,
    to,
    subject: oneLine(title),
    text: receipt ? `${text}\n\n${shown.text(receipt)}\n` : `${text}\n`,
    // The same each time it is sent, so that a mailbox can tell a mail that comes twice.
    messageId: `<${id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    // Nobody's out-of-office answers it (RFC 3834).
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Cutover-Event': facts.event },
    attachments: receipt
      ? [
          {
            filename: `receipt-${facts.service}-${facts.deployment}.html`,
            content: shown.page(receipt),
            contentType: 'text/html; charset=utf-8',
          },
        ]
      : [],
  };
}
