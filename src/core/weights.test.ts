import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Weights } from './weights.ts';
import { colourAt, cutOf, placeOfTurn, weighted } from './weights-line.ts';

const some = fc
  .record({ blue: fc.integer({ min: 0, max: 10_000 }), green: fc.integer({ min: 0, max: 10_000 }) })
  .filter(({ blue, green }) => blue + green > 0);

test('from any turn on, and after any number of requests, each side has had its share but for a few', () => {
  fc.assert(
    fc.property(some, fc.integer(), fc.integer({ min: 1, max: 20_000 }), (weights, start, count) => {
      const cut = cutOf(weights);
      let blue = 0;
      for (let n = 0; n < count; n++) if (colourAt(placeOfTurn((start + n) | 0), cut) === 'blue') blue++;
      const due = (count * weights.blue) / (weights.blue + weights.green);
      expect(Math.abs(blue - due)).toBeLessThan(2 + Math.log(count));
    }),
    { numRuns: 300 },
  );
});

test('every second, third or tenth request gets the same shares as all', () => {
  const cut = cutOf({ blue: 3, green: 1 });
  for (const step of [2, 3, 4, 5, 7, 10, 16, 100]) {
    let blue = 0;
    for (let n = 0; n < 4000; n++) if (colourAt(placeOfTurn(n * step), cut) === 'blue') blue++;
    expect(Math.abs(blue - 3000)).toBeLessThan(60);
  }
});

test('a side of weight 0 gets nothing, wherever the turn is', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 10_000 }), (place, weight) => {
      expect(colourAt(place, cutOf({ blue: 0, green: weight }))).toBe('green');
      expect(colourAt(place, cutOf({ blue: weight, green: 0 }))).toBe('blue');
    }),
  );
  expect(weighted({ blue: 0, green: 1 })).toEqual(['green']);
});

test('when blue gets more, what it had stays with it', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 99 }), (place, blue) => {
      const before = colourAt(place, cutOf({ blue, green: 100 - blue }));
      const after = colourAt(place, cutOf({ blue: blue + 1, green: 99 - blue }));
      expect(before === 'blue' && after === 'green').toBe(false);
    }),
  );
});

test('weights are whole numbers of which one is above 0', () => {
  expect(Weights.safeParse({ blue: 90, green: 10 }).success).toBe(true);
  for (const wrong of [
    { blue: 0, green: 0 },
    { blue: 1 },
    { blue: 0.5, green: 0.5 },
    { blue: -1, green: 2 },
    { blue: 1, green: 1, red: 1 },
  ])
    expect(Weights.safeParse(wrong).success).toBe(false);
});
