import { readFile } from 'node:fs/promises';
import type { NotifyTarget } from '../core/spec/notify.ts';
import type { Delivery, Notifier } from '../ports/notifier.ts';
import { mailOf, type Mail, type ReceiptShown } from './mail.ts';

const timeoutMs = 20_000;

type Email = NonNullable<NotifyTarget['email']>;

const ports = { starttls: 587, implicit: 465, none: 25 } as const;

/** Tells by mail, over SMTP. `file` makes the path of a file of the spec absolute. */
export const emailNotifier = (
  email: Email,
  file: (path: string) => string,
  shown: ReceiptShown,
): Notifier => ({
  async send(message, signal) {
    signal?.throwIfAborted();
    const mail = mailOf(email, message, shown);
    try {
      return await sent(email, file, mail, signal);
    } catch (thrown) {
      signal?.throwIfAborted();
      return failure(email, thrown);
    }
  },
});

async function sent(
  { smtp }: Email,
  file: (path: string) => string,
  mail: Mail,
  signal: AbortSignal | undefined,
): Promise<Delivery> {
  const { host, tls, user, passwordFile, ca, port = ports[tls] } = smtp;
  const password =
    passwordFile === undefined ? '' : (await readFile(file(passwordFile), 'utf8')).replace(/\r?\n$/, '');
  const authorities = ca === undefined ? undefined : await readFile(file(ca), 'utf8');
  // Loaded when the first mail is sent: who is told by chat need not carry it.
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...(user !== undefined && { auth: { user, pass: password } }),
    tls: { minVersion: 'TLSv1.2', ...(authorities !== undefined && { ca: authorities }) },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // Nothing in a message may name a file or an address to be read.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const stop = (): void => transport.close();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const { accepted, rejected, response } = await within(transport.sendMail(mail), signal);
    const refused = rejected.length > 0 ? `; refused for ${rejected.map(String).join(', ')}` : '';
    return {
      ok: true,
      detail: `taken for ${accepted.map(String).join(', ')}${refused}: ${oneLine(response)}`,
      retryable: false,
      retryAfterMs: null,
    };
  } finally {
    signal?.removeEventListener('abort', stop);
    transport.close();
  }
}

/** The result, or the end of the time for all of it, or the signal's reason: whichever comes first. */
async function within<T>(sending: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  const abort = (): void => reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([sending, promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/** A server that says 5xx means it (RFC 5321 §4.2.1); all else may pass. */
function failure({ smtp, to }: Email, thrown: unknown): Delivery {
  const status =
    thrown instanceof Error && 'responseCode' in thrown && typeof thrown.responseCode === 'number'
      ? thrown.responseCode
      : null;
  const said = oneLine(thrown instanceof Error ? thrown.message : String(thrown));
  return {
    ok: false,
    detail: `mail to ${to.join(', ')} by ${smtp.host}: ${said}`,
    retryable: status === null || status < 500,
    retryAfterMs: null,
  };
}

const oneLine = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, 300);
