import { Database } from 'bun:sqlite';
import { closeSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { listenLocally } from '../../agent/control/local-listener.ts';
import { Orders } from '../../agent/control/orders.ts';
import { systemClock } from '../../clocks/system.ts';
import { prepareSocketDirectory } from '../../config/home.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { createProcessPlatform } from '../../platforms/process/platform.ts';
import { version } from '../version.ts';
import { say, type HostPlace } from './host-place.ts';

/** One that leaves may take so long. */
const patienceMs = 20_000;

/** Obeys until it is told to leave; what runs goes on, and the next one takes it over. */
export async function serve({ home: named, socket, advertise, identity }: HostPlace): Promise<void> {
  const left = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, left.resolve);
  mkdirSync(join(named, 'agent'), { recursive: true, mode: 0o700 });
  prepareSocketDirectory(socket);
  const home = realpathSync(named);
  // Held for as long as this process lives, however it ends.
  const lockPath = join(home, 'agent/host.lock');
  closeSync(openSync(lockPath, 'a', 0o600));
  const lock = new Database(lockPath);
  try {
    lock.run(`PRAGMA busy_timeout = ${patienceMs}`);
    lock.run('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    throw new CutoverError('agent-running', `${home}: expected nobody who obeys here, found one that runs`, {
      cause,
    });
  }
  const platform = createProcessPlatform({ home, clock: systemClock, host: advertise });
  try {
    try {
      await platform.adopt();
    } catch (error) {
      // One damaged record must not keep the rest from being looked after.
      say(errorRecord(error).message);
    }
    const orders = new Orders({ home, platform, clock: systemClock, hello: { version, host: hostname() } });
    const listening = await listenLocally({ path: socket, orders, identity, onLeave: left.resolve, say });
    say('ready');
    await left.promise;
    await listening.close();
  } finally {
    await platform.close();
    lock.close();
  }
}
