import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EmbeddedRouter } from '../../routers/embedded/embedded-router.ts';
import type { StatusView } from '../../server/api.ts';
import { selfCommand } from '../self.ts';

const startTimeoutMs = 15_000;
/** How long requests that have begun may go on when the proxy is to end. */
const stopDrainMs = 10_000;
const lookMs = 500;
const longestBackoffMs = 10_000;

/** Starts the proxy if it does not run, watches it, and starts it again if it dies. The proxy outlives the controller. */
export class ProxySupervisor {
  readonly #released = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  constructor(
    private readonly parts: {
      readonly home: string;
      readonly router: EmbeddedRouter;
      readonly clock: Clock;
      readonly workers: number | undefined;
      /** Where the proxy serves its metrics over TCP. */
      readonly metrics: string | undefined;
      readonly say: (text: string) => void;
      readonly onRestart: () => Promise<void>;
    },
  ) {}

  /** Resolves when the proxy answers. Throws `proxy-absent` with the end of what it said if it does not come up. */
  async start(): Promise<void> {
    if ((await this.status()) === null) await this.#spawn();
    this.#watching = this.#watch();
  }

  async status(): Promise<StatusView['proxy']> {
    try {
      const { pid, workers, warnings, certificates } = await this.parts.router.status();
      return { pid, workers: workers.filter(({ ready }) => ready).length, warnings, certificates };
    } catch (error) {
      if (error instanceof CutoverError && error.code === 'proxy-absent') return null;
      throw error;
    }
  }

  /** Lets go of it; it goes on. */
  release(): void {
    this.#released.abort();
  }

  /** Ends it: what is in flight is finished first. */
  async end(): Promise<void> {
    this.release();
    await this.#watching;
    if ((await this.status()) === null) return;
    await this.parts.router.stop({ drainMs: stopDrainMs, keepWorkers: false });
    while ((await this.status()) !== null) await this.parts.clock.sleep(20);
  }

  async #spawn(): Promise<void> {
    const { home, workers, metrics, clock } = this.parts;
    const logPath = join(home, 'proxy.log');
    const log = openSync(logPath, 'a', 0o600);
    const args = [
      'proxy-keeper',
      '--home',
      home,
      ...(workers === undefined ? [] : ['--workers', String(workers)]),
      ...(metrics === undefined ? [] : ['--metrics', metrics]),
    ];
    let exit: number | string | null = null;
    try {
      const child = Bun.spawn([...selfCommand(), ...args], {
        // A session of its own: neither the controller's end nor its terminal's reaches it.
        detached: true,
        stdio: ['ignore', log, log],
        onExit: (_process, code, signal) => {
          exit = code ?? signal ?? -1;
        },
      });
      child.unref();
    } finally {
      closeSync(log);
    }
    const begun = clock.monotonic();
    while ((await this.status()) === null) {
      if (exit !== null || clock.monotonic() - begun > startTimeoutMs) {
        const lines = (await Bun.file(logPath).text()).trimEnd().split('\n').slice(-10);
        const found =
          exit === null ? `no answer within ${startTimeoutMs / 1000} s` : `that it ended (${exit})`;
        throw new CutoverError('proxy-absent', `expected the proxy to come up, found ${found}`, {
          next: `see ${logPath}`,
          detail: { log: lines },
        });
      }
      await clock.sleep(10);
    }
  }

  async #watch(): Promise<void> {
    const { clock, say, onRestart } = this.parts;
    const { signal } = this.#released;
    let backoffMs = lookMs;
    while (!signal.aborted) {
      try {
        await clock.sleep(backoffMs, signal);
      } catch {
        return; // released
      }
      try {
        if ((await this.status()) !== null) {
          backoffMs = lookMs;
          continue;
        }
        if (signal.aborted) return;
        say('the proxy does not answer; starting it again');
        await this.#spawn();
        await onRestart();
        backoffMs = lookMs;
      } catch (error) {
        say(`the proxy: ${errorRecord(error).message}`);
        backoffMs = Math.min(longestBackoffMs, backoffMs * 2);
      }
    }
  }
}
