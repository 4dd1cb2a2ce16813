/** A request as a receiver of webhooks got it. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** What a receiver answers: a response, or a promise of one. */
export type Answering = (received: Received, index: number) => Response | Promise<Response>;

/** A receiver of webhooks on a port of 127.0.0.1, which keeps all that it gets. */
export class WebhookReceiver {
  readonly received: Received[] = [];
  readonly #server: Bun.Server<undefined>;
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(
    answer: Answering = () => new Response('fine'),
    tls?: { readonly cert: string; readonly key: string },
  ) {
    this.#server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      ...(tls && { tls }),
      fetch: async (request) => {
        const { pathname, search } = new URL(request.url);
        const { method, headers } = request;
        const received = { method, path: `${pathname}${search}`, headers, body: await request.text() };
        const index = this.received.push(received) - 1;
        for (const { count, resolve } of this.#waiting) if (this.received.length >= count) resolve();
        return answer(received, index);
      },
    });
  }

  get port(): number {
    const { port } = this.#server;
    if (port === undefined) throw new Error('the receiver has no port');
    return port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves when so many have come. */
  async until(count: number): Promise<void> {
    if (this.received.length >= count) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#waiting.push({ count, resolve: () => resolve(undefined) });
    await promise;
  }

  async close(): Promise<void> {
    await this.#server.stop(true);
  }
}
