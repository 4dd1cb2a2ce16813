import { cpus } from 'node:os';
import { serveMetrics, type ScrapeEndpoint } from '../../config/scrape-endpoint.ts';
import type { Address } from '../../core/address.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { serveAdmin } from '../admin/server.ts';
import { Keeper, type KeeperOptions } from './keeper.ts';

export interface KeeperProcessOptions extends Omit<KeeperOptions, 'workers' | 'log' | 'version'> {
  readonly workers?: number;
  readonly version?: string;
  readonly log?: (line: string) => void;
  /** Where the metrics are served over TCP too (`GET /metrics`). */
  readonly metrics?: Address;
  /** How long exchanges may go on after SIGTERM, SIGINT or SIGHUP (default 10 s). */
  readonly stopDrainMs?: number;
  /** Called once the admin socket answers. */
  readonly onReady?: (socket: string) => void;
}

const mostWorkers = 64;

/** One worker for each core, at most 8: more than that has not been seen to help a proxy whose peers need the cores too. */
export const defaultWorkers = (): number => Math.max(1, Math.min(8, cpus().length));

/**
 * Runs the keeper in this process until it is stopped, by `POST /v1/stop` or by SIGTERM, SIGINT or SIGHUP. When it resolves,
 * the workers have ended (unless they were to be kept) and nothing of it is left but the table files.
 *
 * @throws CutoverError as `Keeper.start`, and `usage` for a number of workers that cannot be
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
  // From the first moment: a keeper that is ended by a signal while it starts would leave its workers behind.
  let keeper: Keeper | undefined;
  let stopAsked = false;
  const stop = (): void => {
    stopAsked = true;
    void keeper?.stop({ drainMs: options.stopDrainMs ?? 10_000, keepWorkers: false });
  };
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  try {
    keeper = await Keeper.start({
      ...options,
      workers,
      version: options.version ?? '0.0.0',
      log: options.log ?? ((line) => process.stderr.write(`proxy: ${line}\n`)),
    });
    const admin = serveAdmin(keeper, options.home);
    const endpoint = options.metrics && metricsEndpoint(keeper, options.metrics);
    if (stopAsked) stop();
    else options.onReady?.(admin.path);
    await keeper.stopped;
    await endpoint?.close();
    await admin.close();
  } finally {
    keeper?.unlock();
    for (const signal of signals) process.off(signal, stop);
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
