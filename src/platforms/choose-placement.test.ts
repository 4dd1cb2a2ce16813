import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { formatAddress, type Address } from '../core/address.ts';
import { colours, other, type Colour } from '../core/colour.ts';
import { CutoverError } from '../core/errors.ts';
import type { Placement } from '../core/placement.ts';
import { choosePlacement, slotCount, slotHost, type PlacementRequest } from './choose-placement.ts';

const request = (more: Partial<PlacementRequest>): PlacementRequest => ({
  service: 'shop',
  colour: 'blue',
  layers: [{ layer: 'web', instances: 1, port: 'auto' }],
  previous: null,
  mode: 'ip',
  slot: 7,
  avoid: [],
  taken: [],
  holds: () => false,
  probe: () => 'free',
  ...more,
});
const addresses = (placement: Placement | null): Address[] =>
  placement?.instances.map(({ address }) => address) ?? [];
const texts = (placement: Placement | null): string[] => addresses(placement).map(formatAddress);
const attempt = (wanted: PlacementRequest): Placement | CutoverError => {
  try {
    return choosePlacement(wanted);
  } catch (thrown) {
    if (thrown instanceof CutoverError) return thrown;
    throw thrown;
  }
};

const layers = fc.uniqueArray(
  fc.record({
    layer: fc.constantFrom('web', 'worker', 'api'),
    instances: fc.integer({ min: 1, max: 5 }),
    port: fc.oneof(
      fc.constant('auto' as const),
      fc.integer({ min: 19_995, max: 20_060 }),
      fc.constantFrom(8080, 65_535),
    ),
  }),
  { selector: ({ layer }) => layer, minLength: 1 },
);
const steps = fc.array(
  fc.record({
    colour: fc.constantFrom(...colours),
    layers,
    mode: fc.constantFrom('ip' as const, 'port' as const),
    runs: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);

describe('choosing addresses', () => {
  test('no two instances of a service ever share an address, whatever is deployed where, in any order', () => {
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 0, max: slotCount - 1 }),
        fc.array(fc.integer({ min: 20_000, max: 20_050 })),
        (walk, slot, foreign) => {
          const placed: Record<Colour, Placement | null> = { blue: null, green: null };
          const running: Record<Colour, Set<string>> = { blue: new Set(), green: new Set() };
          for (const { colour, layers: wanted, mode, runs } of walk) {
            const found = attempt(
              request({
                colour,
                layers: wanted,
                mode,
                slot,
                avoid: [20_004],
                previous: placed[colour],
                taken: addresses(placed[other(colour)]),
                holds: (address) => running[colour].has(formatAddress(address)),
                probe: ({ port }) => (foreign.includes(port) ? 'taken' : 'free'),
              }),
            );
            if (found instanceof CutoverError) {
              expect(['address-in-use', 'address-refused']).toContain(found.code);
              continue;
            }
            placed[colour] = found;
            if (runs) running[colour] = new Set(texts(found));
            const all = [...texts(placed.blue), ...texts(placed.green)];
            expect(new Set(all).size).toBe(all.length);
            expect(found.instances).toHaveLength(wanted.reduce((sum, { instances }) => sum + instances, 0));
          }
        },
      ),
    );
  });

  test('ports differ between the colours too, so that a program that ignores HOST works', () => {
    const wanted = [{ layer: 'web', instances: 64, port: 'auto' as const }];
    const blue = choosePlacement(request({ layers: wanted }));
    const green = choosePlacement(request({ layers: wanted, colour: 'green' }));
    const ports = [...addresses(blue), ...addresses(green)].map(({ port }) => port);
    expect(new Set(ports).size).toBe(128);
  });

  test('a port of the spec is kept on each colour’s own IP address', () => {
    const wanted = [{ layer: 'web', instances: 2, port: 8080 }];
    expect(texts(choosePlacement(request({ layers: wanted })))).toEqual([
      '127.0.2.16:8080',
      '127.0.2.16:8081',
    ]);
    expect(texts(choosePlacement(request({ layers: wanted, colour: 'green' })))).toEqual([
      '127.0.2.17:8080',
      '127.0.2.17:8081',
    ]);
  });

  test('where the colours share an IP address, the second gets another port than that of the spec', () => {
    const wanted = [{ layer: 'web', instances: 1, port: 8080 }];
    const blue = choosePlacement(request({ layers: wanted, mode: 'port' }));
    const green = choosePlacement(
      request({ layers: wanted, mode: 'port', colour: 'green', taken: addresses(blue) }),
    );
    expect(texts(blue)).toEqual(['127.0.0.1:8080']);
    expect(texts(green)).toEqual(['127.0.0.1:20225']);
  });

  test('a port of the spec that is taken, refused or too high is an error that names it', () => {
    const code = (port: number, probe: 'taken' | 'refused'): string => {
      const found = attempt(request({ layers: [{ layer: 'web', instances: 1, port }], probe: () => probe }));
      return found instanceof CutoverError
        ? `${found.code} ${found.message.includes(`127.0.2.16:${port}`)}`
        : 'placed';
    };
    expect(code(8080, 'taken')).toBe('address-in-use true');
    expect(code(80, 'refused')).toBe('address-refused true');
    expect(attempt(request({ layers: [{ layer: 'web', instances: 2, port: 65_535 }] }))).toMatchObject({
      code: 'address-refused',
    });
  });

  test('two layers that want the same port are told so', () => {
    const both = [
      { layer: 'web', instances: 2, port: 8080 },
      { layer: 'api', instances: 1, port: 8081 },
    ];
    expect(attempt(request({ layers: both }))).toMatchObject({ code: 'address-in-use' });
  });

  test('what is taken is passed over, a previous address that is taken too', () => {
    const first = choosePlacement(request({}));
    const [address] = addresses(first);
    const next = choosePlacement(
      request({ previous: first, probe: ({ port }) => (port === address?.port ? 'taken' : 'free') }),
    );
    expect(addresses(next)[0]?.port).toBe((address?.port ?? 0) + 2);
    expect(choosePlacement(request({ previous: first, holds: () => true, probe: () => 'taken' }))).toEqual(
      first,
    );
  });

  test('every slot has two IP addresses of its own, none of them one that systems use', () => {
    const hosts = new Set<string>();
    for (let slot = 0; slot < slotCount; slot++)
      for (const colour of colours) hosts.add(slotHost(slot, colour));
    expect(hosts.size).toBe(2 * slotCount);
    for (const host of hosts) {
      const parts = host.split('.').map(Number);
      expect(parts[2]).toBeGreaterThanOrEqual(2);
      expect(Math.max(...parts.slice(2))).toBeLessThan(254);
    }
  });
});
