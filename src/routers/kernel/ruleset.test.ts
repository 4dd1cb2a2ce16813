import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { routeTo } from '../../../test/fixtures/proxy.ts';
import type { Address } from '../../core/address.ts';
import type { Route } from '../../core/traffic.ts';
import { parseTracked } from './conntrack.ts';
import { elementsOf, readListing } from './ruleset.ts';
import { previewSlotsOf, slotCount, slotsOf } from './slots.ts';

const at = (port: number): Address => ({ host: '127.0.0.1', port });
const route = (blue: number, green: number, weights?: Route['weights']): Route => ({
  ...routeTo('shop', 1, 'blue', at(1), at(2)),
  ...(weights && { weights }),
  blue: { release: 1, instances: Array.from({ length: blue }, (_, n) => at(100 + n)) },
  green: { release: 2, instances: Array.from({ length: green }, (_, n) => at(200 + n)) },
});
const counts = (slots: readonly Address[]): Map<number, number> => {
  const seen = new Map<number, number>();
  for (const { port } of slots) seen.set(port, (seen.get(port) ?? 0) + 1);
  return seen;
};

describe('slots', () => {
  test('all go to the side that is live, each instance getting its part to the slot, one after the other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (blue) => {
        const slots = slotsOf(route(blue, 3));
        expect(slots).toHaveLength(slotCount);
        const seen = [...counts(slots)];
        expect(seen.map(([port]) => port).sort()).toEqual(Array.from({ length: blue }, (_, n) => 100 + n));
        for (const [, count] of seen) expect(Math.abs(count - slotCount / blue)).toBeLessThan(1);
        expect(new Set(slots.slice(0, blue).map(({ port }) => port)).size).toBe(blue);
      }),
    );
  });

  test('weights divide them, spread so that any run of them is divided alike', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 0, max: 200 }), (weight, from) => {
        const slots = slotsOf(route(1, 1, { blue: weight, green: 100 - weight }));
        const run = slots.slice(from, from + 40);
        const due = (run.length * weight) / 100;
        expect(Math.abs((counts(run).get(100) ?? 0) - due)).toBeLessThanOrEqual(2);
      }),
    );
  });

  test('no side without weight gets any, and a side without instances has none to give', () => {
    expect([...counts(slotsOf(route(2, 2, { blue: 0, green: 5 }))).keys()]).toEqual([200, 201]);
    expect(slotsOf(route(0, 1))).toEqual([]);
    expect([...counts(previewSlotsOf(route(1, 1))).keys()]).toEqual([200]);
    expect(previewSlotsOf(route(1, 0))).toEqual([]);
  });
});

describe('the table', () => {
  test('has an element for each slot, by address or by port alone', () => {
    const any = { ...route(1, 1), listen: { host: '0.0.0.0', port: 80 } };
    const { here4, any4, ports } = elementsOf([any, { ...route(1, 1), listen: at(81) }]);
    expect(here4).toHaveLength(slotCount);
    expect(here4[0]).toBe('127.0.0.1 . 81 . 0 : 127.0.0.1 . 100');
    expect(any4[239]).toBe('80 . 239 : 127.0.0.1 . 100');
    expect(ports).toEqual(['80', '81']);
  });

  test.each([
    ['no JSON', '{'],
    ['something else', '{"nftables":"?"}'],
    ['a table without a version', '{"nftables":[{"table":{"name":"cutover"}}]}'],
    [
      'a state that is cut off',
      '{"nftables":[{"set":{"name":"version","elem":[3]}},{"set":{"name":"state","elem":[{"elem":{"val":0,"comment":"eJw"}}]}}]}',
    ],
  ])('that is not ours is refused by its name: %s', (_, text) => {
    expect(() => readListing(text, 'cutover')).toThrow(
      'nftables table inet cutover: expected the one of Cutover',
    );
  });
});

describe('a line of conntrack', () => {
  test('says where a connection was for and where it went', () => {
    const line =
      'tcp      6 431999 ESTABLISHED src=10.0.0.9 dst=10.0.0.1 sport=34170 dport=80 src=127.0.1.2 dst=10.0.0.9 sport=8000 dport=34170 [ASSURED] mark=0 use=1';
    expect(parseTracked(line)).toEqual({
      to: { host: '10.0.0.1', port: 80 },
      instance: { host: '127.0.1.2', port: 8000 },
      over: false,
    });
    expect(parseTracked(line.replace('ESTABLISHED', 'TIME_WAIT'))?.over).toBeTrue();
    expect(parseTracked(line.replace('tcp', 'udp'))).toBeNull();
    expect(parseTracked('')).toBeNull();
  });
});
