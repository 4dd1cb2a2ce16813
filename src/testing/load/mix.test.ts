import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { allot, defaultMix } from './mix.ts';
import { kinds } from './profile.ts';

const counts = (connections: number, mix = defaultMix): Record<string, number> =>
  Object.fromEntries(
    kinds.map((kind) => [kind, allot(connections, mix).filter((one) => one === kind).length]),
  );

test('64 connections are shared out by the default mix', () => {
  expect(counts(64)).toEqual({
    'keep-alive': 32,
    close: 8,
    upload: 5,
    order: 6,
    stream: 4,
    slow: 3,
    download: 1,
    websocket: 5,
  });
});

test('a kind without a share gets nothing, and no shares at all give nothing', () => {
  expect(counts(10, { close: 1 })).toMatchObject({ close: 10, 'keep-alive': 0 });
  expect(allot(10, {})).toEqual([]);
});

test('every connection gets a kind, and while there are enough, every kind with a share gets a connection', () => {
  const share = fc.double({ min: 0.01, max: 100, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.dictionary(fc.constantFrom(...kinds), share, { minKeys: 1 }),
      (connections, mix) => {
        const allotted = allot(connections, mix);
        expect(allotted).toHaveLength(connections);
        if (connections >= Object.keys(mix).length)
          expect(new Set<string>(allotted)).toEqual(new Set(Object.keys(mix)));
      },
    ),
  );
});
