import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { Readable } from 'node:stream';
import type { z } from 'zod';
import { type Address, formatAddress } from '../../core/address.ts';
import { CutoverError, errorRecord, type ErrorCode } from '../../core/errors.ts';
import { controlPrefix, Failed } from './protocol.ts';

/** The name in the certificate of every agent: which one it is, its authority says. */
export const agentName = 'agent.cutover.internal';

/** What a controller knows an agent by. */
export interface Credentials {
  /** The certificate of the agent's authority, PEM. */
  readonly authority: string;
  /** Ours, signed by it, and its key, PEM; absent while we are not enrolled. */
  readonly certificate?: string;
  readonly key?: string;
}

export interface Calling {
  readonly signal?: AbortSignal | undefined;
  /** For all of the answer; absent: as long as it takes. */
  readonly timeoutMs?: number;
}

const mostAnswerBytes = 64 * 1024 * 1024;

/** Calls one agent, over TLS 1.3 with certificates of both sides. Each call may be repeated after `agent-absent`. */
export class AgentClient {
  constructor(
    readonly host: string,
    readonly address: Address,
    private readonly credentials: Credentials,
  ) {}

  async call<T>(name: string, order: unknown, schema: z.ZodType<T>, calling: Calling = {}): Promise<T> {
    return this.#read(await this.#send(name, { body: JSON.stringify(order) }, calling), name, schema);
  }

  /** Sends bytes as they come. */
  async send<T>(name: string, content: Readable, schema: z.ZodType<T>, calling: Calling = {}): Promise<T> {
    try {
      const body = Readable.toWeb(content) as unknown as ReadableStream<Uint8Array>;
      return await this.#read(await this.#send(name, { body }, calling), name, schema);
    } finally {
      content.destroy();
    }
  }

  async #send(
    name: string,
    { body }: { readonly body: string | ReadableStream<Uint8Array> },
    { signal, timeoutMs }: Calling,
  ): Promise<Response> {
    const { authority, certificate, key } = this.credentials;
    const limits = [signal, timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)];
    try {
      return await fetch(`https://${formatAddress(this.address)}${controlPrefix}${name}`, {
        method: 'POST',
        body,
        redirect: 'manual',
        signal: AbortSignal.any(limits.filter((each) => each !== undefined)),
        tls: {
          ca: authority,
          ...(certificate === undefined || key === undefined ? {} : { cert: certificate, key }),
          checkServerIdentity: (_: string, found: PeerCertificate) => checkServerIdentity(agentName, found),
        },
      });
    } catch (cause) {
      if (signal?.aborted === true)
        throw new CutoverError('aborted', `${this.#place}: the order was given up`, { cause });
      throw new CutoverError(
        'agent-absent',
        `${this.#place}: expected an agent that answers, found: ${errorRecord(cause).message}`,
        { next: 'see that the host is up and that cutover agent run --control runs there', cause },
      );
    }
  }

  async #read<T>(response: Response, name: string, schema: z.ZodType<T>): Promise<T> {
    const text = await this.#text(response);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw this.#strange(name, `${response.status}: ${text.slice(0, 200)}`, cause);
    }
    if (!response.ok) {
      const failed = Failed.safeParse(value);
      if (!failed.success) throw this.#strange(name, `${response.status}: ${text.slice(0, 200)}`);
      const { code, message, next, detail } = failed.data.error;
      throw new CutoverError(code, `${this.host}: ${message}`, {
        ...(next === undefined ? {} : { next }),
        detail: { ...detail, host: this.host },
      });
    }
    const answer = schema.safeParse(value);
    if (answer.success) return answer.data;
    throw this.#strange(name, answer.error.message, answer.error);
  }

  async #text(response: Response): Promise<string> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    try {
      const body: AsyncIterable<Uint8Array> | null = response.body;
      for await (const chunk of body ?? []) {
        bytes += chunk.length;
        if (bytes > mostAnswerBytes) throw new Error(`more than ${mostAnswerBytes} bytes`);
        chunks.push(chunk);
      }
    } catch (cause) {
      throw new CutoverError(
        'agent-absent',
        `${this.#place}: expected a whole answer, found: ${errorRecord(cause).message}`,
        { next: 'see that the host is up; the order may be given again', cause },
      );
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #strange(name: string, found: string, cause?: unknown): CutoverError {
    const code: ErrorCode = 'agent-refused';
    return new CutoverError(
      code,
      `${this.#place}: expected an answer to ${name} of protocol 1, found ${found}`,
      {
        next: 'have the same version of Cutover on the host and here',
        ...(cause === undefined ? {} : { cause }),
      },
    );
  }

  get #place(): string {
    return `host ${this.host} (${formatAddress(this.address)})`;
  }
}
