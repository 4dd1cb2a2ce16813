import { cpus } from 'node:os';
import { serveMetrics, type ScrapeEndpoint } from '../../config/scrape-endpoint.ts';
import type { Address } from '../../core/address.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { serveAdmin } from '../admin/server.ts';
import { Keeper, type KeeperOptions } from './keeper.ts';
import { giveBackWhenQuiet } from './quiet-time.ts';
import { becomeProgram, endingSignals, hearEndingSignals } from './succession.ts';

/** The program that takes the place of this process in an upgrade. */
export interface Successor {
  /** Argument vector that starts the keeper of the same home. */
  readonly command: readonly string[];
  /** Argument vector that prints the program's version and ends with 0: one that does not is not upgraded to. */
  readonly versionCommand: readonly string[];
}

export interface KeeperProcessOptions extends Omit<KeeperOptions, 'workers' | 'log' | 'version'> {
  readonly workers?: number;
  readonly version?: string;
  readonly log?: (line: string) => void;
  /** Where the metrics are served over TCP too (`GET /metrics`). */
  readonly metrics?: Address;
  /** How long exchanges may go on after SIGTERM, SIGINT or SIGHUP (default 10 s). */
  readonly stopDrainMs?: number;
  /** Where the admin API is served; default: in the home. Its directory is left as it is. */
  readonly adminSocket?: string;
  /** Without it, upgrades are refused. */
  readonly successor?: Successor;
  /** Opens what else gives orders to the keeper, once the admin socket answers; also after an upgrade. If it rejects, the keeper stops. */
  readonly control?: (keeper: Keeper) => Promise<{ close(): Promise<void> }>;
  /** Called once the admin socket answers. If it rejects, the keeper stops and `runKeeperProcess` rejects with the same. */
  readonly onReady?: (ready: { readonly socket: string; readonly keeper: Keeper }) => void | Promise<void>;
}

const mostWorkers = 64;

/** One worker for each core, at most 8: more than that has not been seen to help a proxy whose peers need the cores too. */
export const defaultWorkers = (): number => Math.max(1, Math.min(8, cpus().length));

/**
 * Runs the keeper in this process until it is stopped, by `POST /v1/stop` or by SIGTERM, SIGINT or SIGHUP. When it resolves,
 * the workers have ended (unless they were to be kept) and nothing of it is left but the table files. After `POST /v1/upgrade`
 * this process becomes the successor, and it never resolves.
 *
 * @throws CutoverError as `Keeper.start` and `serveAdmin`, and `usage` for a number of workers that cannot be
 */
export async function runKeeperProcess(options: KeeperProcessOptions): Promise<void> {
  const workers = options.workers ?? defaultWorkers();
  if (!Number.isInteger(workers) || workers < 1 || workers > mostWorkers)
    throw new CutoverError(
      'usage',
      `the number of proxy workers is ${workers}, expected 1 to ${mostWorkers}`,
      {
        next: 'leave it out for one worker per core, at most 8',
      },
    );
  const log = options.log ?? ((line: string) => process.stderr.write(`proxy: ${line}\n`));
  // From the first moment: a keeper that is ended by a signal while it starts would leave its workers behind.
  let keeper: Keeper | undefined;
  let stopAsked = false;
  const stop = (): void => {
    stopAsked = true;
    void keeper?.stop({ drainMs: options.stopDrainMs ?? 10_000, keepWorkers: false });
  };
  for (const signal of endingSignals) process.on(signal, stop);
  hearEndingSignals();
  let endRests = (): void => undefined;
  try {
    for (let first = true; ; first = false) {
      let upgradeAsked = false;
      keeper = await Keeper.start({ ...options, workers, version: options.version ?? '0.0.0', log });
      try {
        await serveUntilStopped(keeper, options, {
          onReady: async (socket) => {
            endRests();
            endRests = giveBackWhenQuiet(true, (line) => keeper?.warn(line));
            if (stopAsked) stop();
            else if (first && keeper) await options.onReady?.({ socket, keeper });
          },
          onUpgrade: () => {
            upgradeAsked = true;
          },
        });
      } finally {
        keeper.unlock();
      }
      if (!upgradeAsked || !options.successor) return;
      try {
        becomeProgram(options.successor.command);
      } catch (error) {
        // The workers have served on; this program leads them again.
        log(`the upgrade failed, the old program goes on: ${String(error)}`);
      }
    }
  } finally {
    endRests();
    for (const signal of endingSignals) process.off(signal, stop);
  }
}

async function serveUntilStopped(
  keeper: Keeper,
  options: KeeperProcessOptions,
  on: { readonly onReady: (socket: string) => Promise<void>; readonly onUpgrade: () => void },
): Promise<void> {
  const stopNow = (): Promise<void> => keeper.stop({ drainMs: 0, keepWorkers: false });
  let admin: Awaited<ReturnType<typeof serveAdmin>>;
  try {
    admin = await serveAdmin(keeper, options, on.onUpgrade);
  } catch (error) {
    await stopNow();
    throw error;
  }
  const endpoint = options.metrics && metricsEndpoint(keeper, options.metrics);
  let control: { close(): Promise<void> } | undefined;
  try {
    control = await options.control?.(keeper);
    await on.onReady(admin.path);
    await keeper.stopped;
  } catch (error) {
    await stopNow();
    throw error;
  } finally {
    await control?.close();
    await endpoint?.close();
    await admin.close();
  }
}

/** Traffic does not depend on metrics: an address that is taken is told and done without. */
function metricsEndpoint(keeper: Keeper, address: Address): ScrapeEndpoint | undefined {
  try {
    return serveMetrics(address, () => keeper.metrics());
  } catch (error) {
    keeper.warn(errorRecord(error).message);
    return undefined;
  }
}
