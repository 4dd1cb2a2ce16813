import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import { HolderClient } from '../../holder/client.ts';
import { holderFolder } from '../../holder/holder.ts';
import { Done, HolderStatus } from '../../holder/protocol.ts';
import type { Clock } from '../../ports/clock.ts';
import { selfCommand } from '../self.ts';
import { version } from '../version.ts';

const startMs = 15_000;
const lookMs = 10;

const statusOf = async (client: HolderClient): Promise<HolderStatus | null> => {
  try {
    return await client.askOnce({ method: 'GET', path: '/v1/status' }, HolderStatus);
  } catch (error) {
    if (error instanceof CutoverError && error.code === 'router-absent') return null;
    throw error;
  }
};

/** Starts the holder of sockets, which outlives the controller. Resolves when it answers. @throws CutoverError `router-absent` */
export async function startHolder(home: string, clock: Clock): Promise<void> {
  const path = join(home, 'holder.log');
  const log = openSync(path, 'a', 0o600);
  let exit: number | string | null = null;
  try {
    const child = Bun.spawn([...selfCommand(), 'socket-holder', '--home', home], {
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
  const client = new HolderClient(home);
  const begun = clock.monotonic();
  while ((await statusOf(client)) === null) {
    if (exit !== null || clock.monotonic() - begun > startMs) {
      const lines = (await Bun.file(path).text()).trimEnd().split('\n').slice(-10);
      const found = exit === null ? `no answer within ${startMs / 1000} s` : `that it ended (${exit})`;
      throw new CutoverError('router-absent', `expected the holder of sockets to come up, found ${found}`, {
        next: `see ${path}`,
        detail: { log: lines },
      });
    }
    await clock.sleep(lookMs);
  }
}

/** Sees that the holder, if anything was ever held, runs and is of our version: another process takes its place, and no socket is closed. */
export async function renewHolder(home: string, client: HolderClient, clock: Clock): Promise<void> {
  if (!existsSync(join(holderFolder(home), 'table.json'))) return;
  const status = await client.ask({ method: 'GET', path: '/v1/status' }, HolderStatus);
  if (status.version === version) return;
  await client.ask({ method: 'POST', path: '/v1/upgrade', body: {} }, Done);
  const begun = clock.monotonic();
  while ((await statusOf(client))?.pid === status.pid && clock.monotonic() - begun < startMs)
    await clock.sleep(lookMs);
}

/** Ends it, if there is one; resolves when it does not answer any more. */
export async function stopHolder(client: HolderClient): Promise<void> {
  if ((await statusOf(client)) === null) return;
  await client.askOnce({ method: 'POST', path: '/v1/stop', body: {} }, Done);
  while ((await statusOf(client)) !== null) await Bun.sleep(lookMs);
}
