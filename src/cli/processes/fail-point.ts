import type { Store } from '../../ports/store.ts';

/**
 * A fail point for tests: `CUTOVER_FAIL_POINT=before:N` or `after:N` kills this process, as `kill -9` does, before or after its
 * Nth append to the log; with `before:together:N` only appends to several logs at once count. Killing is what a crash does; an exception is not.
 */
export function withFailPoint(store: Store, point: string | undefined): Store {
  if (point === undefined) return store;
  const match = /^(before|after):(together:)?([1-9]\d{0,5})$/.exec(point);
  if (!match)
    throw new Error(`CUTOVER_FAIL_POINT: expected before:N, after:N or before:together:N, found ${point}`);
  const fatal = Number(match[3]);
  let appends = 0;
  const die = (when: string | undefined): void => {
    if (when === match[1] && appends === fatal) process.kill(process.pid, 'SIGKILL');
  };
  const counted = async <T>(append: () => Promise<T>): Promise<T> => {
    appends += 1;
    die('before');
    const records = await append();
    die('after');
    return records;
  };
  return {
    append: (...args) =>
      match[2] === undefined ? counted(() => store.append(...args)) : store.append(...args),
    appendTogether: (...args) => counted(() => store.appendTogether(...args)),
    read: (...args) => store.read(...args),
    streams: () => store.streams(),
    acquireLease: (...args) => store.acquireLease(...args),
    readLease: (...args) => store.readLease(...args),
    releaseLease: (...args) => store.releaseLease(...args),
    verify: () => store.verify(),
    close: () => store.close(),
  };
}
