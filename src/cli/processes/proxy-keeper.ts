import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseScrapeAddress } from '../../config/scrape-endpoint.ts';
import { errorRecord } from '../../core/errors.ts';
import { runKeeper } from '../../proxy/main.ts';
import { selfCommand } from '../self.ts';
import { version } from '../version.ts';

/** The proxy's keeper, until it is stopped. */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { home: { type: 'string' }, workers: { type: 'string' }, metrics: { type: 'string' } },
  });
  const metrics = values.metrics === undefined ? undefined : parseScrapeAddress(values.metrics);
  try {
    await runKeeper({
      home: resolve(values.home ?? '.cutover'),
      version,
      workerCommand: [...selfCommand(), 'proxy-worker'],
      ...(metrics ? { metrics } : {}),
      ...(values.workers === undefined ? {} : { workers: Number(values.workers) }),
    });
    return 0;
  } catch (error) {
    const { message, next } = errorRecord(error);
    process.stderr.write(`proxy: ${message}${next === undefined ? '' : `; next: ${next}`}\n`);
    return 1;
  }
}
