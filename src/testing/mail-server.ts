import { SMTPServer } from 'smtp-server';

/** A mail as the server took it. */
export interface TakenMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Head and body, as they came. */
  readonly raw: string;
  /** Whether it came over TLS, and who had logged in. */
  readonly secure: boolean;
  readonly user: string | null;
}

/** What a mail server of tests is like. */
export interface MailServerOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** TLS from the start; else it is offered (STARTTLS) where there is a certificate. */
  readonly implicit?: boolean;
  /** Who must log in. */
  readonly login?: { readonly user: string; readonly password: string };
}

/** An SMTP server on a port of 127.0.0.1, by the people of a library for such servers, which keeps what it gets. */
export class MailServer {
  readonly mails: TakenMail[] = [];
  /** How it refuses mails: with a code of SMTP. */
  refusal: number | null = null;
  isHanging = false;
  readonly hanging = Promise.withResolvers<undefined>();
  readonly #server: SMTPServer;
  #port = 0;

  private constructor({ tls, implicit = false, login }: MailServerOptions) {
    this.#server = new SMTPServer({
      secure: implicit,
      // What hangs is cut off when the server ends.
      closeTimeout: 50,
      ...(tls ?? {}),
      ...(tls === undefined && { disabledCommands: ['STARTTLS'] }),
      authOptional: login === undefined,
      onAuth: ({ username = '', password }, _session, answer) => {
        const isRight = username === login?.user && password === login.password;
        if (isRight) answer(null, { user: username });
        else answer(Object.assign(new Error('wrong password'), { responseCode: 535 }));
      },
      onRcptTo: ({ address }, _session, answer) => {
        if (address.startsWith('nobody@'))
          answer(Object.assign(new Error('no such mailbox'), { responseCode: 550 }));
        else answer();
      },
      onData: (stream, session, answer) => {
        const chunks: Uint8Array[] = [];
        stream.on('data', (chunk: Uint8Array) => chunks.push(chunk));
        stream.on('end', () => {
          if (this.isHanging) {
            this.hanging.resolve(undefined);
            return;
          }
          if (this.refusal !== null) {
            answer(Object.assign(new Error('not now\r\nor ever'), { responseCode: this.refusal }));
            return;
          }
          const { mailFrom, rcptTo } = session.envelope;
          this.mails.push({
            from: mailFrom === false || mailFrom === null ? '' : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            raw: Buffer.concat(chunks).toString('utf8'),
            secure: session.secure,
            user: typeof session.user === 'string' ? session.user : null,
          });
          answer(null, 'taken');
        });
      },
    });
    // A client that goes away in the middle is no failure of the server.
    this.#server.on('error', () => undefined);
  }

  static async open(options: MailServerOptions = {}): Promise<MailServer> {
    const made = new MailServer(options);
    const listening = Promise.withResolvers<undefined>();
    const inner = made.#server.listen(0, '127.0.0.1', () => listening.resolve(undefined));
    await listening.promise;
    const address = inner.address();
    if (address === null || typeof address === 'string') throw new Error('the mail server has no port');
    made.#port = address.port;
    return made;
  }

  get port(): number {
    return this.#port;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
