import { expect, test } from 'bun:test';
import { systemClock } from './system.ts';

test('a wait of many days is no short one, and is cut short by its signal', async () => {
  const cut = new AbortController();
  let over = false;
  const wait = systemClock.sleep(60 * 86_400_000, cut.signal).finally(() => (over = true));
  await systemClock.sleep(20);
  expect(over).toBe(false);
  cut.abort(new Error('enough'));
  expect(wait).rejects.toThrow('enough');
});

test('a signal that is aborted already lets nothing begin', () => {
  expect(systemClock.sleep(1, AbortSignal.abort(new Error('never')))).rejects.toThrow('never');
});
