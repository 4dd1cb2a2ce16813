import type { Subprocess } from 'bun';
import { descriptorsPerMessage, sendDescriptors } from '../proxy/keeper/descriptor-passing.ts';
import type { Holding } from './holdings.ts';
import { FromSecond, type ToSecond } from './protocol.ts';

const readyMs = 10_000;
const answerMs = 2000;

type Unnumbered<T> = T extends ToSecond ? Omit<T, 'id'> : never;

/**
 * The holder's end of its second: a process that has copies of all sockets and does nothing, until the holder is gone. Then it is the holder.
 */
export class Second {
  readonly ended: Promise<void>;
  private readonly process: Subprocess;
  private readonly ready = Promise.withResolvers<void>();
  private readonly waiting = new Map<number, { resolve(): void; reject(error: Error): void }>();
  private nextId = 0;

  /**
   * @param command argument vector of a program that calls `runSecond`
   * @param inbox where it takes descriptors
   */
  constructor(
    command: readonly string[],
    private readonly inbox: string,
  ) {
    const ended = Promise.withResolvers<void>();
    this.process = Bun.spawn([...command, '--inbox', inbox], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: process.env,
      serialization: 'json',
      ipc: (message: unknown) => {
        const said = FromSecond.safeParse(message);
        if (!said.success) return this.process.kill('SIGKILL');
        if (said.data.kind === 'ready') return this.ready.resolve();
        this.waiting.get(said.data.id)?.resolve();
      },
      onExit: (_process, code, signal) => {
        const error = new Error(`the second of the holder ended (${signal ?? `exit code ${code}`})`);
        this.ready.reject(error);
        for (const { reject } of this.waiting.values()) reject(error);
        ended.resolve();
      },
    });
    this.ended = ended.promise;
    this.ready.promise.catch(() => undefined); // whoever waits for it hears of it
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Resolves when it can take sockets. */
  async untilReady(): Promise<void> {
    await within(readyMs, 'the second of the holder is not ready', this.ready.promise);
  }

  /** Gives it copies of these; resolves when it has them. */
  async hold({ service, host, group }: Holding, from = 0): Promise<void> {
    for (let at = from; at < group.fds.length; at += descriptorsPerMessage) {
      sendDescriptors(this.inbox, '{}', group.fds.slice(at, at + descriptorsPerMessage));
      await this.#order({ kind: 'hold', service, host, address: group.address, from: at });
    }
  }

  forget({ service, group }: Holding): Promise<void> {
    return this.#order({ kind: 'forget', service, address: group.address });
  }

  /** It ends, and takes no place. */
  async end(): Promise<void> {
    await this.#order({ kind: 'end' });
    await this.ended;
  }

  /** From here on it goes by itself: it takes the place of this process. */
  letGo(): void {
    this.process.disconnect();
    this.process.unref();
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }

  async #order(order: Unnumbered<ToSecond>): Promise<void> {
    const id = this.nextId++;
    const answer = Promise.withResolvers<void>();
    this.waiting.set(id, answer);
    try {
      this.process.send({ ...order, id });
      await within(answerMs, 'the second of the holder does not answer', answer.promise);
    } finally {
      this.waiting.delete(id);
    }
  }
}

async function within(ms: number, otherwise: string, what: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${otherwise} within ${ms} ms`)), ms);
  try {
    await Promise.race([what, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
