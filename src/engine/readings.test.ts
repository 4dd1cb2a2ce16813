import { expect, test } from 'bun:test';
import { CutoverError } from '../core/errors.ts';
import type { RouterMoment } from '../routers/memory/memory-router.ts';
import { MemoryRouter } from '../routers/memory/memory-router.ts';
import { Readings } from './readings.ts';

test('those who look at the same time share one reading, and one that is young enough is not taken again', async () => {
  let [now, asked] = [1000, 0];
  const fault = ({ call, when }: RouterMoment): void => {
    if (call === 'counters' && when === 'before') asked++;
  };
  const router = new MemoryRouter({ fault, now: () => now });
  const side = { release: 1, instances: [{ host: '127.0.0.1', port: 1 }] };
  await router.apply({
    service: 'shop',
    epoch: 1,
    live: 'blue',
    listen: { host: '127.0.0.1', port: 8080 },
    preview: null,
    previewHost: null,
    blue: side,
    green: { release: null, instances: [] },
  });
  const readings = new Readings(
    'shop',
    () => router,
    () => now,
  );
  const [one, other] = await Promise.all([readings.read(0), readings.read(0)]);
  expect(one).toBe(other);
  expect(asked).toBe(1);
  now += 100;
  expect(await readings.read(100)).toBe(one);
  expect((await readings.read(99)).at).toBe(1100);
  expect(asked).toBe(2);
});

test('a reading that failed is not kept: the next one is tried', async () => {
  const router = new MemoryRouter();
  const readings = new Readings(
    'shop',
    () => router,
    () => 0,
  );
  for (let time = 0; time < 2; time++)
    expect(await readings.read(0).catch((error: unknown) => error)).toBeInstanceOf(CutoverError);
});
