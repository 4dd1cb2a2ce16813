import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseScrapeAddress } from '../../config/scrape-endpoint.ts';
import { type Address, formatAddress, parseAddress } from '../../core/address.ts';
import { errorRecord } from '../../core/errors.ts';
import { type KeeperProcessOptions, runKeeper } from '../../proxy/main.ts';
import { selfCommand } from '../self.ts';
import { version } from '../version.ts';

/** What a keeper is told, also by the program before it in an upgrade. */
export interface KeeperOrder {
  /** Absolute path of the home directory. */
  readonly home: string;
  readonly workers: number | undefined;
  readonly adminSocket: string | undefined;
  /** Address at which the metrics are served over TCP too. */
  readonly metrics?: string | undefined;
  /** It runs with no controller. */
  readonly alone: boolean;
  /** Where a controller gives orders over the network; undefined: nowhere. */
  readonly control?: Address | undefined;
  /** The home goes when the keeper has ended. */
  readonly temporary: boolean;
}

/** Runs the keeper, and in an upgrade whatever is then in the place of this program, until it is stopped. */
export async function keep(
  { home, workers, adminSocket, metrics, alone, control, temporary }: KeeperOrder,
  onReady?: KeeperProcessOptions['onReady'],
): Promise<void> {
  const self = selfCommand();
  const scraped = metrics === undefined ? undefined : parseScrapeAddress(metrics);
  try {
    await runKeeper({
      home,
      version,
      alone,
      workerCommand: [...self, 'proxy-worker'],
      issuerCommand: [...self, 'proxy-issuer'],
      mirrorCommand: [...self, 'proxy-mirror'],
      successor: {
        command: [
          ...self,
          'proxy-keeper',
          ...['--home', home],
          ...(workers === undefined ? [] : ['--workers', String(workers)]),
          ...(adminSocket === undefined ? [] : ['--admin', adminSocket]),
          ...(metrics === undefined ? [] : ['--metrics', metrics]),
          ...(alone ? ['--alone'] : []),
          ...(control ? ['--control', formatAddress(control)] : []),
          ...(temporary ? ['--temporary'] : []),
        ],
        versionCommand: [...self, '--version'],
      },
      ...(workers === undefined ? {} : { workers }),
      ...(adminSocket === undefined ? {} : { adminSocket }),
      ...(scraped ? { metrics: scraped } : {}),
      ...(control
        ? {
            control: async (keeper) =>
              // Only then: what it needs takes memory.
              (await import('./proxy-control.ts')).takeProxyOrders(home, control, keeper),
          }
        : {}),
      ...(onReady ? { onReady } : {}),
    });
  } finally {
    if (temporary) rmSync(home, { recursive: true, force: true });
  }
}

/** The proxy's keeper, until it is stopped. */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      home: { type: 'string' },
      workers: { type: 'string' },
      admin: { type: 'string' },
      metrics: { type: 'string' },
      alone: { type: 'boolean', default: false },
      control: { type: 'string' },
      temporary: { type: 'boolean', default: false },
    },
  });
  try {
    await keep({
      home: resolve(values.home ?? '.cutover'),
      workers: values.workers === undefined ? undefined : Number(values.workers),
      adminSocket: values.admin,
      metrics: values.metrics,
      alone: values.alone,
      control: values.control === undefined ? undefined : parseAddress(values.control),
      temporary: values.temporary,
    });
    return 0;
  } catch (error) {
    const { message, next } = errorRecord(error);
    process.stderr.write(`proxy: ${message}${next === undefined ? '' : `; next: ${next}`}\n`);
    return 1;
  }
}
