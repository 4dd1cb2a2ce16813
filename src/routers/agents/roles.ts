import { colours, type Colour } from '../../core/colour.ts';
import type { Route, RoutedSide } from '../../core/traffic.ts';

/** What an agent is to be told. */
export interface WantedRole {
  /** Where it is: the host of its instances. */
  readonly host: string;
  readonly colour: Colour;
  readonly role: 'live' | 'standby';
  /** Of what balancers could give it, in per cent, so that each side gets its part. */
  readonly weight: number;
}

/** Each host once: an agent answers for all instances of a service on its host. */
export const hostsOf = ({ instances }: RoutedSide): string[] => [
  ...new Set(instances.map(({ host }) => host)),
];

/** What each agent of a service is to be told. Pure. */
export function wantedRoles(route: Route): WantedRole[] {
  const part = (colour: Colour): number =>
    route.weights ? route.weights[colour] : route.live === colour ? 1 : 0;
  const each = (colour: Colour): number => part(colour) / Math.max(1, hostsOf(route[colour]).length);
  const most = Math.max(...colours.map(each));
  return colours.flatMap((colour) =>
    hostsOf(route[colour]).map((host) => ({
      host,
      colour,
      ...(part(colour) > 0
        ? { role: 'live' as const, weight: Math.max(1, Math.round((100 * each(colour)) / most)) }
        : { role: 'standby' as const, weight: 100 }),
    })),
  );
}
