import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { Readable } from 'node:stream';
import type { z } from 'zod';
import { type Address, formatAddress } from '../../core/address.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { type Calling, type HostClient, mostAnswerBytes, readAnswer } from './host-client.ts';
import { hostKind, type PeerKind } from './peer-kind.ts';
import { controlPrefix } from './protocol.ts';

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

/** While a long answer is waited for: how often the agent is asked whether it is there, and how long it may say nothing to that. */
const lookEveryMs = 5_000;
const silenceMs = 5_000;

/** Calls one agent, over TLS 1.3 with certificates of both sides. */
export class AgentClient implements HostClient {
  constructor(
    readonly host: string,
    readonly address: Address,
    private readonly credentials: Credentials,
    private readonly kind: PeerKind = hostKind,
  ) {}

  get at(): string {
    return this.address.host;
  }

  call<T>(name: string, order: unknown, schema: z.ZodType<T>, calling: Calling = {}): Promise<T> {
    return this.#ask(name, JSON.stringify(order), schema, calling);
  }

  async send<T>(name: string, content: Readable, schema: z.ZodType<T>, calling: Calling = {}): Promise<T> {
    try {
      const body = Readable.toWeb(content) as unknown as ReadableStream<Uint8Array>;
      return await this.#ask(name, body, schema, calling);
    } finally {
      content.destroy();
    }
  }

  async #ask<T>(
    name: string,
    body: string | ReadableStream<Uint8Array>,
    schema: z.ZodType<T>,
    { signal, timeoutMs }: Calling,
  ): Promise<T> {
    const answered = new AbortController();
    const gone = new AbortController();
    const limits = [
      ...(signal === undefined ? [] : [signal]),
      gone.signal,
      ...(timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)]),
    ];
    const isLong = timeoutMs === undefined || timeoutMs > lookEveryMs;
    const watch = isLong ? this.#watch(answered.signal, gone) : Promise.resolve();
    try {
      const response = await this.#fetch(name, body, AbortSignal.any(limits));
      const text = await textOf(response);
      const { ok, status } = response;
      return readAnswer({ host: this.host, place: this.#place, name }, { ok, status, text }, schema);
    } catch (cause) {
      if (cause instanceof CutoverError) throw cause;
      if (signal?.aborted === true)
        throw new CutoverError('aborted', `${this.#place}: the order was given up`, { cause });
      const found = errorRecord(gone.signal.aborted ? gone.signal.reason : cause).message;
      throw new CutoverError(
        this.kind.absent,
        `${this.#place}: expected ${this.#one} that answers, found: ${found}`,
        { next: `see that the host is up and that ${this.kind.run} runs there`, cause },
      );
    } finally {
      answered.abort();
      await watch;
    }
  }

  /** Sees to it that a host which is gone is not waited for: a connection does not tell by itself. */
  async #watch(answered: AbortSignal, gone: AbortController): Promise<void> {
    for (;;) {
      const isOver = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), lookEveryMs);
        answered.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve(true);
        });
        if (answered.aborted) resolve(true);
      });
      if (isOver) return;
      try {
        const limit = AbortSignal.any([answered, AbortSignal.timeout(silenceMs)]);
        await textOf(await this.#fetch('hello', '{}', limit));
      } catch (error) {
        if (answered.aborted) return;
        gone.abort(new Error(`it answered no more: ${errorRecord(error).message}`, { cause: error }));
        return;
      }
    }
  }

  #fetch(name: string, body: string | ReadableStream<Uint8Array>, signal: AbortSignal): Promise<Response> {
    const { authority, certificate, key } = this.credentials;
    return fetch(`https://${formatAddress(this.address)}${controlPrefix}${name}`, {
      method: 'POST',
      body,
      redirect: 'manual',
      signal,
      tls: {
        ca: authority,
        ...(certificate === undefined || key === undefined ? {} : { cert: certificate, key }),
        checkServerIdentity: (_: string, found: PeerCertificate) => checkServerIdentity(agentName, found),
      },
    });
  }

  get #place(): string {
    return `${this.kind.noun} ${this.host} (${formatAddress(this.address)})`;
  }

  get #one(): string {
    return this.kind === hostKind ? 'an agent' : `a ${this.kind.program}`;
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | null = response.body;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > mostAnswerBytes) throw new Error(`an answer of more than ${mostAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
