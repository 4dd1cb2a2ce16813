import { CutoverError } from '../core/errors.ts';
import { openInbox } from '../proxy/keeper/descriptor-passing.ts';
import { lockKeeper } from '../proxy/keeper/keeper-lock.ts';
import { serveHolder } from './admin.ts';
import { Holder, holderFolder, type HolderOptions } from './holder.ts';
import { Holdings } from './holdings.ts';
import { ToSecond, type FromSecond } from './protocol.ts';

const endingSignals = ['SIGTERM', 'SIGINT'] as const;
const lockTries = 1000;
const lockWaitMs = 5;

/** The lock, once the process that had it is gone: its descriptors are closed an instant before. */
async function lock(home: string, patient: boolean): Promise<() => void> {
  for (let tried = 1; ; tried++) {
    try {
      return lockKeeper(holderFolder(home), 'holder of sockets');
    } catch (error) {
      const taken = error instanceof CutoverError && error.code === 'proxy-running';
      if (!patient || !taken || tried === lockTries) throw error;
    }
    await Bun.sleep(lockWaitMs);
  }
}

/**
 * Runs the holder in this process until it is stopped, by its admin socket or by SIGTERM or SIGINT, or gives way to another.
 *
 * @param holdings of the one whose place it takes; absent: it is the first
 * @throws CutoverError `proxy-running` if there is one already
 */
export async function runHolder(options: HolderOptions, holdings?: Holdings): Promise<void> {
  const unlock = await lock(options.home, holdings !== undefined);
  const ended = Promise.withResolvers<'ends' | 'gives way'>();
  let holder: Holder | undefined;
  const stop = (): void => void holder?.end().then(() => ended.resolve('ends'), ended.reject);
  for (const signal of endingSignals) process.on(signal, stop);
  try {
    holder = await Holder.start(options, holdings);
    const server = serveHolder(options.home, holder, ended.resolve);
    const why = await ended.promise;
    await server.close();
    if (why === 'ends') return;
  } finally {
    unlock();
    for (const signal of endingSignals) process.off(signal, stop);
  }
  holder.leave();
}

/** What the holder and its second are started with. */
export interface SecondOptions extends HolderOptions {
  /** Where it takes descriptors. */
  readonly inbox: string;
}

/** Has copies of the holder's sockets until the holder is gone, and is the holder then. Ends if the holder says so. */
export async function runSecond({ inbox: path, ...options }: SecondOptions): Promise<void> {
  const inbox = openInbox(path);
  const holdings = new Holdings();
  const ended = Promise.withResolvers<'told' | 'alone'>();
  const say = (word: FromSecond): void => {
    process.send?.(word);
  };
  process.on('message', (message: unknown) => {
    const order = ToSecond.parse(message);
    switch (order.kind) {
      case 'hold': {
        const received = inbox.receive();
        if (!received) throw new Error('no descriptors came with the order');
        holdings.take(order.service, order.host, order.address, order.from, received.fds);
        break;
      }
      case 'forget': {
        const holding = holdings.find(order.service, order.address);
        if (holding) holdings.drop(holding);
        holding?.group.close();
        break;
      }
      case 'end':
        ended.resolve('told');
    }
    say({ kind: 'done', id: order.id });
  });
  process.on('disconnect', () => ended.resolve('alone'));
  say({ kind: 'ready' });
  const why = await ended.promise;
  inbox.close();
  if (why === 'told') {
    // Else the channel would keep this process.
    process.disconnect?.();
    return;
  }
  options.log('the holder is gone; taking its place');
  await runHolder(options, holdings);
}
