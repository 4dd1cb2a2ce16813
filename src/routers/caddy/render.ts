import { createHash } from 'node:crypto';
import { formatAddress, type Address } from '../../core/address.ts';
import { other, type Colour } from '../../core/colour.ts';
import type { Route } from '../../core/traffic.ts';
import type { ProxyTable } from '../../proxy/table/table.ts';
import { divided } from '../configured/side-share.ts';

// Caddy closes connections that rest whenever its configuration changes. So which side is live is a file, which it looks for with each
// request: a switch has its effect on every connection at once, and nothing is loaded anew.

/** What a rendering depends on beside the table. */
export interface CaddyPlaces {
  /** The folder of the files that say which side is live. */
  readonly sides: string;
  /** Where Caddy tells what is in force. */
  readonly state: Address;
}

type Json = Readonly<Record<string, unknown>>;

/** What of a service is said by a file that is there or not. */
export type Flag = 'green' | 'divided';
export const flagName = (service: string, flag: Flag): string => `${service}.${flag}`;

/** The server that tells Cutover what is in force; the others have their names and ids from it. */
export const stateServer = 'cutover';
const serverOf = (service: string): string => `${stateServer}-${service}`;
/** A dot is in no name of a service, so that no other one has this name. */
const previewServerOf = (service: string): string => `${serverOf(service)}.preview`;
export const isOurName = (name: string): boolean =>
  name === stateServer || name.startsWith(`${stateServer}-`);

const mostSlots = 10_000;
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/**
 * The instances of both sides in the order in which requests are dealt out, each as often as its side's weight wants it, one side's spread
 * among the other's. Debian's Caddy knows no weights, but takes an instance more than once.
 */
export function dealt(route: Route): Address[] {
  const { blue, green } = route;
  const { weights = { blue: 1, green: 1 } } = route;
  const most = Math.max(blue.instances.length, green.instances.length, 1);
  const divisor = gcd(weights.blue, weights.green) || 1;
  let [ofBlue, ofGreen] = [weights.blue / divisor, weights.green / divisor];
  const parts = Math.max(2, Math.floor(mostSlots / most));
  if (ofBlue + ofGreen > parts) {
    ofGreen = Math.min(parts - 1, Math.max(1, Math.round((parts * ofGreen) / (ofBlue + ofGreen))));
    ofBlue = parts - ofGreen;
  }
  const total = (ofBlue + ofGreen) * most;
  const slots: Address[] = [];
  const next = { blue: 0, green: 0 };
  for (let slot = 0; slot < total; slot++) {
    const share = (n: number): number => Math.floor((n * ofGreen) / (ofBlue + ofGreen));
    const colour: Colour = share(slot + 1) > share(slot) ? 'green' : 'blue';
    const { instances } = route[colour];
    const address = instances[next[colour]++ % instances.length];
    if (address) slots.push(address);
  }
  return slots;
}

/** Go's nanoseconds. */
const time = (ms: number | undefined, usual: number): number =>
  Math.max(1, Math.round(ms ?? usual)) * 1_000_000;

/** What rests for so long is closed: instances close it themselves after 5 s at the earliest, and it would be lost what is sent at that moment. */
const restMs = 2000;

function proxy({ limits = {} }: Route, instances: readonly Address[]): Json {
  if (instances.length === 0) return { handler: 'static_response', status_code: 502 };
  return {
    handler: 'reverse_proxy',
    // What an instance sends is passed on at once. Not -1 (as it comes): Caddy 2.6 then breaks off what is in flight when it loads a configuration.
    flush_interval: time(1, 1),
    load_balancing: {
      selection_policy: { policy: 'round_robin' },
      // An instance that takes no connection is passed over; what may have arrived is sent again only if it is a GET.
      try_duration: time(limits.connect, 5000),
      try_interval: time(20, 20),
    },
    transport: {
      protocol: 'http',
      dial_timeout: time(limits.connect, 5000),
      response_header_timeout: time(limits.response, 60_000),
      keep_alive: { idle_timeout: time(restMs, restMs), max_idle_conns_per_host: 256 },
    },
    upstreams: instances.map((address) => ({ dial: formatAddress(address) })),
  };
}

const ifFlag = (sides: string, name: string): Json => ({
  file: { root: sides, try_files: [`/${name}`] },
});

function server(id: string, listen: Address, routes: readonly Json[], limits: Route['limits'] = {}): Json {
  return {
    '@id': id,
    listen: [formatAddress(listen)],
    automatic_https: { disable: true },
    idle_timeout: time(limits.idle, 75_000),
    read_header_timeout: time(limits.headTime, 15_000),
    routes,
  };
}

function servers(route: Route, { sides }: CaddyPlaces): Record<string, Json> {
  const { service, previewHost, preview, limits } = route;
  const green = ifFlag(sides, flagName(service, 'green'));
  const to = (instances: readonly Address[], match?: Json): Json => ({
    ...(match && { match: [match] }),
    handle: [proxy(route, instances)],
    terminal: true,
  });
  const side = (colour: Colour, match?: Json): Json => to(route[colour].instances, match);
  // What is shown to testers is the other side than the one that is live.
  const standby = (match?: Json): Json[] => [
    side(other('green'), { ...match, ...green }),
    side(other('blue'), match),
  ];
  return {
    [serverOf(service)]: server(
      serverOf(service),
      route.listen,
      [
        ...(previewHost === null ? [] : standby({ host: [previewHost] })),
        ...(divided(route) ? [to(dealt(route), ifFlag(sides, flagName(service, 'divided')))] : []),
        side('green', green),
        side('blue'),
      ],
      limits,
    ),
    ...(preview && {
      [previewServerOf(service)]: server(previewServerOf(service), preview, standby(), limits),
    }),
  };
}

function state({ routes }: ProxyTable, { sides, state: listen }: CaddyPlaces, structure: string): Json {
  const answer = (body: string, match: Json): Json => ({
    match: [match],
    handle: [{ handler: 'static_response', status_code: 200, body }],
    terminal: true,
  });
  return server(stateServer, listen, [
    answer(`${structure} ${sides}`, { path: ['/'] }),
    ...routes.flatMap(({ service }) => {
      const path = [`/${service}`];
      const flags: readonly Flag[] = ['divided', 'green'];
      return [
        ...flags.map((flag) =>
          answer(`${structure} ${flag}`, { path, ...ifFlag(sides, flagName(service, flag)) }),
        ),
        answer(`${structure} blue`, { path }),
      ];
    }),
    { handle: [{ handler: 'static_response', status_code: 404 }] },
  ]);
}

/** What takes a load of the configuration to change: all but the live side and the epochs. */
export function structureOf(table: ProxyTable, places: CaddyPlaces): string {
  const text = JSON.stringify([table.routes.map((route) => servers(route, places)), places]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** The servers of Caddy's app `http` for a table, by their names. Pure. */
export function renderCaddy(table: ProxyTable, places: CaddyPlaces): Record<string, Json> {
  const ours = { [stateServer]: state(table, places, structureOf(table, places)) };
  for (const route of table.routes) Object.assign(ours, servers(route, places));
  return ours;
}
