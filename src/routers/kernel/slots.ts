import type { Address } from '../../core/address.ts';
import { colours, other } from '../../core/colour.ts';
import type { Route } from '../../core/traffic.ts';

/** In so many parts the new connections of an address are divided. Many small numbers divide it, so equal instances get equal parts. */
export const slotCount = 240;

/**
 * The instance for each slot, each getting its part of them, and those of one spread over all: new connections come to the slots in turn.
 * Empty without instances. By Jefferson's method, which is also that of the smoothest order: the next slot goes to whoever is furthest behind.
 */
function spread(parts: readonly (readonly [Address, number])[]): Address[] {
  const given = parts.map(() => 0);
  return Array.from({ length: parts.length === 0 ? 0 : slotCount }, () => {
    let next = 0;
    let least = Infinity;
    parts.forEach(([, part], index) => {
      const after = ((given[index] ?? 0) + 1) / part;
      if (after < least) [next, least] = [index, after];
    });
    given[next] = (given[next] ?? 0) + 1;
    return parts[next]![0];
  });
}

/** Where the connections to `listen` go, slot by slot; empty if there is no instance. */
export function slotsOf(route: Route): Address[] {
  const { weights } = route;
  if (!weights) return spread(route[route.live].instances.map((instance) => [instance, 1]));
  return spread(
    colours
      .filter((colour) => weights[colour] > 0)
      .flatMap((colour) => {
        const { instances } = route[colour];
        return instances.map((instance) => [instance, weights[colour] / instances.length] as const);
      }),
  );
}

/** The same for the preview: always the side that is not live. */
export const previewSlotsOf = (route: Route): Address[] =>
  spread(route[other(route.live)].instances.map((instance) => [instance, 1]));
