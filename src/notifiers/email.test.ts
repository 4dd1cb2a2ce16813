import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import { NotifyTarget } from '../core/spec/notify.ts';
import { TestCertificates } from '../proxy/tls/certificates.fixture.ts';
import { MailServer, type MailServerOptions } from '../testing/mail-server.ts';
import { noticeMessage } from '../testing/notice-messages.ts';
import { notifierSuite } from '../testing/notifier.suite.ts';
import { emailNotifier } from './email.ts';

const receipt = { text: () => 'requests 1,234', page: () => '<h1>shop: deployment 12</h1>' };
const base = mkdtempSync(join(tmpdir(), 'mail of '));
let files: TestCertificates;
beforeAll(async () => {
  files = new TestCertificates();
  await files.make('authority');
  await files.make('stranger');
  await files.sign('mail', 'authority', 'IP:127.0.0.1');
  writeFileSync(join(base, 'password'), 'open sesame\n');
});
afterAll(() => {
  files[Symbol.dispose]();
  rmSync(base, { recursive: true, force: true });
});
const tls = () => ({
  cert: readFileSync(files.path('mail.crt'), 'utf8'),
  key: readFileSync(files.path('mail.key'), 'utf8'),
});

type EmailInput = NonNullable<z.input<typeof NotifyTarget>['email']>;
function notifier(
  port: number,
  smtp: Partial<EmailInput['smtp']> = { tls: 'none' },
  more: Partial<EmailInput> = {},
) {
  const { email } = NotifyTarget.parse({
    email: {
      from: 'deploys@shop.example',
      to: ['ops@shop.example'],
      ...more,
      smtp: { host: '127.0.0.1', port, ...smtp },
    },
  });
  if (!email) throw new Error('no email');
  return emailNotifier(email, (path) => (path.startsWith('/') ? path : join(base, path)), receipt);
}

/** The words of a mail's head, by name; folded lines joined. */
function headOf(raw: string): Map<string, string> {
  const [head = ''] = raw.split('\r\n\r\n');
  return new Map(
    head
      .replace(/\r\n[ \t]+/g, ' ')
      .split('\r\n')
      .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
}

/** The plain text of a mail. */
function textOf(raw: string): string {
  const part = raw.split(/^Content-Type: text\/plain.*$/m)[1] ?? '';
  const [head = '', ...rest] = part.split('\r\n\r\n');
  const body = rest.join('\r\n\r\n').split('\r\n--')[0] ?? '';
  if (/base64/i.test(head)) return Buffer.from(body, 'base64').toString('utf8');
  if (!/quoted-printable/i.test(head)) return body;
  const octets = body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(octets, 'latin1').toString('utf8');
}

notifierSuite('email', async () => {
  const server = await MailServer.open();
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (isOpen) await server.close();
    isOpen = false;
  };
  return {
    notifier: notifier(server.port),
    arrived: () =>
      Promise.resolve(
        server.mails.map(({ raw }) => ({ id: headOf(raw).get('message-id') ?? '', text: textOf(raw) })),
      ),
    refuse: (how) => void (server.refusal = how === 'for good' ? 554 : 451),
    hang: () => void (server.isHanging = true),
    hanging: () => server.hanging.promise,
    leave: close,
    close,
  };
});

describe('a mail', () => {
  let server: MailServer;
  const open = async (options?: MailServerOptions): Promise<MailServer> =>
    (server = await MailServer.open(options));
  afterEach(() => server.close());

  test('has the receipt as text and as a page, and is from and to whom the spec says', async () => {
    const { port, mails } = await open();
    const sent = await notifier(port, { tls: 'none' }, { to: ['ops@shop.example', 'ada@shop.example'] }).send(
      noticeMessage(),
    );
    expect(sent).toMatchObject({
      ok: true,
      detail: expect.stringContaining('taken for ops@shop.example, ada@shop.example') as unknown,
    });
    const [mail] = mails;
    expect(mail).toMatchObject({
      from: 'deploys@shop.example',
      to: ['ops@shop.example', 'ada@shop.example'],
    });
    const raw = mail?.raw ?? '';
    const head = headOf(raw);
    expect(head.get('subject')).toBe('shop: release 12 (1.4.0) by ada');
    expect(head.get('from')).toBe('deploys@shop.example');
    expect(head.get('message-id')).toBe('<notice-shop-7-x-1@shop.example>');
    expect(head.get('auto-submitted')).toBe('auto-generated');
    expect(textOf(raw)).toContain('requests 1,234');
    expect(raw).toContain('filename=receipt-shop-12.html');
    expect(raw).toContain(Buffer.from('<h1>shop: deployment 12</h1>').toString('base64'));
  });

  test('gets no header and no recipient out of a fact, whatever line breaks are in it', async () => {
    const { port, mails } = await open();
    const evil = 'x\r\nBcc: eve@evil.example\r\n\r\n<b>hi</b>\u2028Subject: y';
    await notifier(port, { tls: 'none' }, { subject: '{{by}}' }).send(noticeMessage({ facts: { by: evil } }));
    expect(mails[0]?.to).toEqual(['ops@shop.example']);
    const head = headOf(mails[0]?.raw ?? '');
    expect([...head.keys()]).not.toContain('bcc');
    expect(head.get('subject')).toBe('x Bcc: eve@evil.example <b>hi</b> Subject: y');
  });

  test('goes by STARTTLS and with a password, and not at all where TLS is not offered', async () => {
    const login = { user: 'deploys', password: 'open sesame' };
    const { port, mails } = await open({ tls: tls(), login });
    const smtp = { ca: files.path('authority.crt'), user: 'deploys', passwordFile: 'password' };
    expect((await notifier(port, smtp).send(noticeMessage())).detail).toContain('taken for');
    expect(mails[0]).toMatchObject({ secure: true, user: 'deploys' });
    const plain = await MailServer.open();
    const refused = await notifier(plain.port, smtp).send(noticeMessage());
    await plain.close();
    expect(refused).toMatchObject({ ok: false });
    expect(plain.mails).toEqual([]);
  });

  test('goes by TLS from the start', async () => {
    const { port, mails } = await open({ tls: tls(), implicit: true });
    const sent = await notifier(port, { tls: 'implicit', ca: files.path('authority.crt') }).send(
      noticeMessage(),
    );
    expect(sent.detail).toContain('taken for');
    expect(mails[0]?.secure).toBeTrue();
  });

  test('is not given to a server that no authority has signed, and a wrong password is final', async () => {
    const { port, mails } = await open({ tls: tls(), login: { user: 'deploys', password: 'another' } });
    const stranger = await notifier(port, { ca: files.path('stranger.crt') }).send(noticeMessage());
    expect(stranger).toMatchObject({ ok: false, retryable: true });
    const smtp = { ca: files.path('authority.crt'), user: 'deploys', passwordFile: 'password' };
    const wrong = await notifier(port, smtp).send(noticeMessage());
    expect(wrong).toMatchObject({ ok: false, retryable: false });
    expect(wrong.detail).toContain('wrong password');
    expect(wrong.detail).not.toContain('sesame');
    expect(mails).toEqual([]);
  });

  test('that some of its recipients cannot get is told with their names', async () => {
    const { port, mails } = await open();
    const some = await notifier(
      port,
      { tls: 'none' },
      { to: ['ops@shop.example', 'nobody@shop.example'] },
    ).send(noticeMessage());
    expect(some.ok).toBeTrue();
    expect(some.detail).toContain('refused for nobody@shop.example');
    expect(mails[0]?.to).toEqual(['ops@shop.example']);
    const none = await notifier(port, { tls: 'none' }, { to: ['nobody@shop.example'] }).send(noticeMessage());
    expect(none).toMatchObject({ ok: false, retryable: false });
  });

  test('without the file of its password is not sent, and the file is named', async () => {
    const { port } = await open({ tls: tls() });
    const found = await notifier(port, { user: 'deploys', passwordFile: 'absent' }).send(noticeMessage());
    expect(found).toMatchObject({ ok: false, retryable: true });
    expect(found.detail).toContain(join(base, 'absent'));
  });
});
