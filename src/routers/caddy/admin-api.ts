import { CutoverError } from '../../core/errors.ts';
import { answerIn, type Answer } from './answer.ts';

/** A change loads all of the configuration: modules with much to load take their time. */
const answerMs = 30_000;
const mostBytes = 64 * 1024 * 1024;

/** What is asked of the admin API. */
export interface Order {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  readonly path: string;
  readonly body?: string;
  /** Refused with status 412 unless what is there still has this tag (RFC 9110 §13.1.1). */
  readonly ifMatch?: string;
}

/**
 * Speaks to Caddy's admin API, a connection for each order. It stands on bytes because Caddy tells the tag of what it has in a trailer, which
 * no client of the runtime shows, and wants an empty Host on a unix socket.
 */
export class AdminApi {
  /** @param admin a loopback address, or `unix/` before an absolute path */
  constructor(readonly admin: string) {}

  /** @throws CutoverError `router-absent` if nobody answers there: whether an order took effect is then unknown */
  async order({ method, path, body, ifMatch }: Order): Promise<Answer> {
    const { admin } = this;
    const socketPath = admin.startsWith('unix/') ? admin.slice('unix/'.length) : null;
    const payload = Buffer.from(body ?? '');
    const head = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${socketPath === null ? admin : ''}`,
      'Connection: close',
      ...(ifMatch === undefined ? [] : [`If-Match: ${ifMatch}`]),
      ...(body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${payload.length}`]),
    ];
    const text = await this.exchange(
      socketPath,
      Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), payload]),
    );
    const answer = answerIn(text);
    if (answer === null) throw this.absent('did not answer with HTTP that is whole');
    return answer;
  }

  private async exchange(socketPath: string | null, request: Buffer): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const chunks: Buffer[] = [];
    let bytes = 0;
    let sent = 0;
    const send = (wire: Bun.Socket): void => {
      while (sent < request.length) {
        const taken = wire.write(request, sent, request.length - sent);
        if (taken <= 0) return;
        sent += taken;
      }
    };
    const timer = setTimeout(
      () => reject(this.absent(`did not answer within ${answerMs / 1000} s`)),
      answerMs,
    );
    const socket: Bun.SocketHandler = {
      open: send,
      drain: send,
      data: (_wire, chunk) => {
        bytes += chunk.length;
        if (bytes > mostBytes) reject(this.absent(`answered with more than ${mostBytes} bytes`));
        else chunks.push(Buffer.from(chunk));
      },
      close: () => resolve(Buffer.concat(chunks)),
      error: (_wire, error) => reject(this.absent(`broke off: ${error.message}`, error)),
    };
    const failed = (cause: unknown): never => {
      throw this.absent(`does not answer: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    };
    try {
      const address = socketPath === null ? new URL(`http://${this.admin}`) : null;
      const wire = await (
        address === null
          ? Bun.connect({ unix: socketPath ?? '', socket })
          : Bun.connect({
              hostname: address.hostname.replace(/^\[|\]$/g, ''),
              port: Number(address.port || 80),
              socket,
            })
      ).catch(failed);
      try {
        return await promise;
      } finally {
        wire.terminate();
      }
    } finally {
      clearTimeout(timer);
    }
  }

  private absent(what: string, cause?: unknown): CutoverError {
    return new CutoverError('router-absent', `Caddy’s admin API at ${this.admin} ${what}`, {
      next: 'see that Caddy runs, and has its admin API there, where the controller may reach it (router.caddy.admin)',
      cause,
    });
  }
}
