import { formatAddress, type Address } from '../core/address.ts';
import type { Colour } from '../core/colour.ts';
import { CutoverError } from '../core/errors.ts';
import type { Placement } from '../core/placement.ts';

/** How many services can be told apart by address: 252 networks of 126 pairs. */
export const slotCount = 252 * 126;
/** Below the ports that systems give to outgoing connections (32768 and up on Linux, 49152 elsewhere). */
const firstPort = 20_000;
const portCount = 12_000;
/** How far apart two neighbouring slots begin to look for ports. */
const portsPerSlot = 32;

/** The IP address of a colour: 127.0.2.2 to 127.0.253.253, blue even, green the next. 127.0.0.1 and 127.0.1.1 are others'. */
export const slotHost = (slot: number, colour: Colour): string =>
  `127.0.${2 + Math.floor(slot / 126)}.${2 + 2 * (slot % 126) + (colour === 'green' ? 1 : 0)}`;

export type Availability = 'free' | 'taken' | 'refused';

export interface PlacementRequest {
  readonly service: string;
  readonly colour: Colour;
  readonly layers: readonly {
    readonly layer: string;
    readonly instances: number;
    readonly port: number | 'auto';
  }[];
  readonly previous: Placement | null;
  /** `ip`: each colour has an IP address of its own. `port`: all are on `host`. */
  readonly mode: 'ip' | 'port';
  /** Default: 127.0.0.1. */
  readonly host?: string | undefined;
  readonly slot: number;
  /** Ports that are never given by ourselves: those of the router. */
  readonly avoid: readonly number[];
  /** What is placed already: the other colour's, and other services'. */
  readonly taken: readonly Address[];
  /** Whether this environment itself runs there. */
  readonly holds: (address: Address) => boolean;
  /** Whether a program could listen there; with `everywhere`, also if it ignores HOST and listens on every address. */
  readonly probe: (address: Address, everywhere: boolean) => Availability;
}

/**
 * Chooses the addresses of an environment. Each instance keeps its previous one while that fits and is free or our own.
 * A layer's own port N means N, N+1, … on the colour's IP address; where the colours share an IP address, the colour that
 * comes second gets other ports instead. Every other port is even for blue and odd for green, so that the two never meet,
 * also when a program ignores HOST and listens on every address.
 */
export function choosePlacement(request: PlacementRequest): Placement {
  const { service, colour, layers, previous, mode, slot, avoid, taken, holds, probe } = request;
  const host = mode === 'ip' ? slotHost(slot, colour) : (request.host ?? '127.0.0.1');
  const fixed = layers.flatMap(({ port, instances }) =>
    port === 'auto' ? [] : Array.from({ length: instances }, (_, i) => port + i),
  );
  const closed = new Set([...avoid, ...taken.map((address) => address.port), ...fixed]);
  const takenAddresses = new Set(taken.map(formatAddress));
  const given = new Set<number>();
  const before = new Map(
    previous?.instances.map((instance) => [`${instance.layer}-${instance.index}`, instance.address]),
  );

  const usable = (address: Address, everywhere: boolean): Availability => {
    if (given.has(address.port) || takenAddresses.has(formatAddress(address))) return 'taken';
    return holds(address) ? 'free' : probe(address, everywhere);
  };
  const give = (layer: string, index: number, address: Address): Placement['instances'][number] => {
    given.add(address.port);
    return { layer, index, address };
  };
  const refuse = (layer: string, index: number, address: Address, found: Availability): CutoverError => {
    const where = formatAddress(address);
    return found === 'refused'
      ? new CutoverError(
          'address-refused',
          `Layer ${layer}, instance ${index} of ${service}: expected an address to listen on; the system refuses ${where} to this user`,
          {
            next: 'Choose a port above 1023 in the spec, or leave it out.',
          },
        )
      : new CutoverError(
          'address-in-use',
          `Layer ${layer}, instance ${index} of ${service} (${colour}): expected ${where} to be free; something else listens there`,
          {
            next: 'Stop what listens there, or choose another port in the spec, or leave it out.',
          },
        );
  };
  const search = (layer: string, index: number): Placement['instances'][number] => {
    const start = (slot * portsPerSlot) % portCount;
    for (let step = colour === 'blue' ? 0 : 1; step < portCount; step += 2) {
      const address = { host, port: firstPort + ((start + step) % portCount) };
      if (!closed.has(address.port) && usable(address, true) === 'free') return give(layer, index, address);
    }
    throw refuse(layer, index, { host, port: firstPort }, 'taken');
  };

  const instances = layers.flatMap(({ layer, instances: count, port }) =>
    Array.from({ length: count }, (_, index) => {
      if (port !== 'auto') {
        const address = { host, port: port + index };
        const found = address.port > 65_535 ? 'refused' : usable(address, false);
        if (found === 'free') return give(layer, index, address);
        if (mode === 'ip' || found === 'refused') throw refuse(layer, index, address, found);
      }
      const kept = before.get(`${layer}-${index}`);
      const fits = kept && kept.host === host && kept.port >= 1024 && !closed.has(kept.port);
      return fits && usable(kept, true) === 'free' ? give(layer, index, kept) : search(layer, index);
    }),
  );
  return { instances };
}
