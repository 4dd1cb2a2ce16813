import { expect, test } from 'bun:test';
import { refusal, storeSuite } from '../../testing/store.suite.ts';
import { CutoverError } from '../../core/errors.ts';
import { memoryStore, newMemoryDisk, type StorePoint } from './store.ts';

storeSuite('the store in memory', () => {
  const disk = newMemoryDisk();
  const fixture = {
    store: memoryStore(disk),
    reopen: () => {
      fixture.store.close();
      fixture.store = memoryStore(disk);
      return Promise.resolve(fixture.store);
    },
    end: () => Promise.resolve(fixture.store.close()),
  };
  return Promise.resolve(fixture);
});

const failing = (when: StorePoint['when']) => (point: StorePoint) => {
  if (point.call === 'append' && point.when === when) throw new CutoverError('io-failed', 'planted');
};

test('an append that fails before it takes effect leaves nothing, one that fails after it leaves all', async () => {
  const event = { type: 'step-started', deployment: 1, step: 0 } as const;
  for (const [when, left] of [
    ['before', 0],
    ['after', 1],
  ] as const) {
    const disk = newMemoryDisk();
    await refusal(memoryStore(disk, failing(when)).append('shop', 0, 1, [event]), 'io-failed');
    expect((await memoryStore(disk).read('shop')).length).toBe(left);
  }
});

test('text of a newer Cutover is named as such, and text that is no event as damage', async () => {
  const disk = newMemoryDisk();
  disk.streams.set('shop', [{ at: 1, text: '{"type":"moon-landed"}' }]);
  const error = await refusal(memoryStore(disk).read('shop'), 'store-newer');
  expect(error.message).toContain('"moon-landed" in stream shop, version 1');
  for (const text of ['{"type":"step-started"}', '{"type"', '7']) {
    disk.streams.set('shop', [{ at: 1, text }]);
    expect((await refusal(memoryStore(disk).read('shop'), 'store-damaged')).message).toContain(
      'stream shop, version 1',
    );
  }
});
