import type { ClientChannel } from 'ssh2';
import { z } from 'zod';
import { CutoverError, errorRecord } from '../../../core/errors.ts';
import { type Calling, mostAnswerBytes } from '../host-client.ts';
import { RelayAnswer, RelayReady } from '../relay-lines.ts';
import type { Connection } from './connections.ts';
import { gone, startThere } from './far-command.ts';

const readyMs = 30_000;
const mostErrorBytes = 8_192;

interface Waiting {
  readonly resolve: (answer: z.infer<typeof RelayAnswer>) => void;
  readonly reject: (error: CutoverError) => void;
}

/** Orders to what runs on one host, any number at once, by lines over one session. */
export class Relay {
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #parts: Buffer[] = [];
  #bytes = 0;
  #errors = '';
  #end: CutoverError | null = null;
  #onReady: Waiting['resolve'] | null = null;

  private constructor(
    private readonly connection: Connection,
    private readonly channel: ClientChannel,
    private readonly onEnd: () => void,
  ) {
    channel.on('data', (chunk: Buffer) => this.#read(chunk));
    channel.stderr.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString('utf8')).slice(-mostErrorBytes);
    });
    channel.on('error', (error: Error) => this.#over(gone(connection, error)));
    channel.on('close', (code: number | null | undefined) =>
      this.#over(
        gone(connection, new Error(this.#errors.trim() || `its end (exit code ${code ?? 'unknown'})`)),
      ),
    );
    const onOver = (): void => this.#over(gone(connection, connection.over.reason));
    if (connection.over.aborted) onOver();
    else connection.over.addEventListener('abort', onOver, { once: true });
  }

  /**
   * Starts it.
   *
   * @param onEnd called when it is over, however that comes
   * @throws CutoverError `ssh-refused` if the program does not run there
   */
  static async open(connection: Connection, words: readonly string[], onEnd: () => void): Promise<Relay> {
    const script = 'cd && exec "$@"';
    const channel = await startThere(connection, ['sh', '-c', script, 'sh', ...words]);
    const relay = new Relay(connection, channel, onEnd);
    const ready = Promise.withResolvers<void>();
    relay.#onReady = () => ready.resolve();
    relay.#waiting.set(0, { resolve: () => undefined, reject: ready.reject });
    const timer = setTimeout(
      () => ready.reject(gone(connection, new Error(`no answer of the program in ${readyMs / 1000} s`))),
      readyMs,
    );
    try {
      await ready.promise;
      return relay;
    } catch (error) {
      channel.close();
      if (connection.over.aborted) throw error;
      throw new CutoverError(
        'ssh-refused',
        `${connection.place}: expected the program of Cutover to run there, found: ${relay.#errors.trim() || errorRecord(error).message}`,
        {
          next: 'see that it can be executed there (noexec, libc, kind of machine); platform.ssh.program names another, platform.ssh.home another place',
          cause: error,
        },
      );
    } finally {
      clearTimeout(timer);
      relay.#waiting.delete(0);
    }
  }

  /** @throws CutoverError `agent-absent`, `aborted` */
  ask(name: string, order: unknown, { signal, timeoutMs }: Calling): Promise<z.infer<typeof RelayAnswer>> {
    if (this.#end) return Promise.reject(this.#end);
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<z.infer<typeof RelayAnswer>>();
    this.#waiting.set(id, { resolve, reject });
    const onAbort = (): void =>
      reject(
        new CutoverError('aborted', `${this.connection.place}: the order was given up`, {
          cause: signal?.reason,
        }),
      );
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort);
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => reject(gone(this.connection, new Error(`no answer to ${name} in ${timeoutMs / 1000} s`))),
            timeoutMs,
          );
    this.channel.write(`${JSON.stringify({ id, name, order })}\n`);
    return promise.finally(() => {
      this.#waiting.delete(id);
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    });
  }

  #read(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      this.#parts.push(chunk.subarray(from, at));
      const line = Buffer.concat(this.#parts).toString('utf8');
      this.#parts = [];
      this.#bytes = 0;
      from = at + 1;
      this.#hear(line);
    }
    this.#parts.push(chunk.subarray(from));
    this.#bytes += chunk.length - from;
    if (this.#bytes > mostAnswerBytes) this.#strange(`a line of more than ${mostAnswerBytes} bytes`);
  }

  #hear(line: string): void {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined; // No answer; said below.
    }
    const answer = RelayAnswer.safeParse(value);
    if (answer.success) this.#waiting.get(answer.data.id)?.resolve(answer.data);
    else if (RelayReady.safeParse(value).success) this.#onReady?.({ id: 0, status: 200, text: '' });
    else this.#strange(line.slice(0, 200));
  }

  #strange(found: string): void {
    this.#over(
      new CutoverError(
        'agent-absent',
        `${this.connection.place}: expected an answer of the program of Cutover, found: ${found}`,
        {
          next: 'see that the login shell there prints nothing by itself',
        },
      ),
    );
    this.channel.close();
  }

  #over(error: CutoverError): void {
    if (this.#end) return;
    this.#end = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.onEnd();
  }
}
