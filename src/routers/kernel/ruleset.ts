import { deflateSync, inflateSync } from 'node:zlib';
import { z } from 'zod';
import type { Address } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import { formatIp, parseIp } from '../../core/ip.ts';
import type { KernelSettings } from '../../core/spec/kernel.ts';
import type { Route } from '../../core/traffic.ts';
import { emptyTable, ProxyTable } from '../../proxy/table/table.ts';
import { previewSlotsOf, slotCount, slotsOf } from './slots.ts';

/** The kernel keeps 128 bytes of comment with an element, one of them a NUL. */
const commentLength = 120;
/** More than a table of a thousand services needs. */
const mostStateBytes = 16_777_216;

const isV6 = ({ host }: Address): boolean => host.includes(':');
const isAny = ({ host }: Address): boolean => host === '0.0.0.0' || host === '::';

/** As nft prints it: IPv6 can be written in many ways. */
const plain = (host: string): string => {
  const ip = parseIp(host);
  return ip === null ? host : formatIp(ip);
};

/** A listening address and where its connections go, slot by slot. */
interface Listener {
  readonly listen: Address;
  readonly slots: readonly Address[];
}

const listenersOf = (route: Route): Listener[] => [
  { listen: route.listen, slots: slotsOf(route) },
  ...(route.preview ? [{ listen: route.preview, slots: previewSlotsOf(route) }] : []),
];

/** What is in the maps of a table: the elements of each, as nft writes them, in the order of their keys. */
export interface Elements {
  /** By address and port. */
  readonly here4: readonly string[];
  readonly here6: readonly string[];
  /** By port alone, for connections to any address of this machine. */
  readonly any4: readonly string[];
  readonly any6: readonly string[];
  /** The ports that anything listens on, so that other packets are let by at once. */
  readonly ports: readonly string[];
  /** Where connections are sent, for masquerading. */
  readonly instances4: readonly string[];
  readonly instances6: readonly string[];
}

const named = (elements: Elements) =>
  [
    ...(['here4', 'here6', 'any4', 'any6'] as const).map((name) => ({ kind: 'map' as const, name })),
    ...(['ports', 'instances4', 'instances6'] as const).map((name) => ({ kind: 'set' as const, name })),
  ].map(({ kind, name }) => ({ kind, name, elements: elements[name] }));

/** The elements that make the kernel do what the routes say. */
export function elementsOf(routes: readonly Route[]): Elements {
  const maps = { here4: [], here6: [], any4: [], any6: [] } as Record<
    'here4' | 'here6' | 'any4' | 'any6',
    string[]
  >;
  const ports = new Set<number>();
  const instances = { 4: new Set<string>(), 6: new Set<string>() };
  for (const { listen, slots } of routes.flatMap(listenersOf)) {
    ports.add(listen.port);
    const version = isV6(listen) ? 6 : 4;
    slots.forEach((instance, slot) => {
      const to = `${plain(instance.host)} . ${instance.port}`;
      instances[version].add(to);
      if (isAny(listen)) maps[`any${version}`].push(`${listen.port} . ${slot} : ${to}`);
      else maps[`here${version}`].push(`${plain(listen.host)} . ${listen.port} . ${slot} : ${to}`);
    });
  }
  return {
    ...maps,
    ports: [...ports].map(String),
    instances4: [...instances[4]],
    instances6: [...instances[6]],
  };
}

const slot = `numgen inc mod ${slotCount}`;

/** The table, empty: its maps, and the rules that look into them. It fails if there is one of this name already. */
function creation({ table, masquerade }: KernelSettings): string[] {
  const rules = (chain: string): string[] => [
    `add rule inet ${table} ${chain} tcp dport != @ports accept`,
    `add rule inet ${table} ${chain} dnat ip to ip daddr . tcp dport . ${slot} map @here4`,
    `add rule inet ${table} ${chain} dnat ip6 to ip6 daddr . tcp dport . ${slot} map @here6`,
    `add rule inet ${table} ${chain} meta nfproto ipv4 fib daddr type local dnat ip to tcp dport . ${slot} map @any4`,
    `add rule inet ${table} ${chain} meta nfproto ipv6 fib daddr type local dnat ip6 to tcp dport . ${slot} map @any6`,
  ];
  return [
    `create table inet ${table}`,
    `add map inet ${table} here4 { typeof ip daddr . tcp dport . ${slot} : ip daddr . tcp dport ; }`,
    `add map inet ${table} here6 { typeof ip6 daddr . tcp dport . ${slot} : ip6 daddr . tcp dport ; }`,
    `add map inet ${table} any4 { typeof tcp dport . ${slot} : ip daddr . tcp dport ; }`,
    `add map inet ${table} any6 { typeof tcp dport . ${slot} : ip6 daddr . tcp dport ; }`,
    `add set inet ${table} ports { type inet_service ; }`,
    `add set inet ${table} instances4 { type ipv4_addr . inet_service ; }`,
    `add set inet ${table} instances6 { type ipv6_addr . inet_service ; }`,
    `add set inet ${table} version { type mark ; }`,
    `add set inet ${table} state { type mark ; }`,
    `add element inet ${table} version { 0 }`,
    `add chain inet ${table} prerouting { type nat hook prerouting priority dstnat ; }`,
    // What begins on this machine does not pass prerouting.
    `add chain inet ${table} output { type nat hook output priority -100 ; }`,
    ...rules('prerouting'),
    ...rules('output'),
    ...(masquerade
      ? [
          `add chain inet ${table} postrouting { type nat hook postrouting priority srcnat ; }`,
          `add rule inet ${table} postrouting ct status dnat ip daddr . tcp dport @instances4 masquerade`,
          `add rule inet ${table} postrouting ct status dnat ip6 daddr . tcp dport @instances6 masquerade`,
        ]
      : []),
  ];
}

const pieces = (text: string): string[] => text.match(new RegExp(`.{1,${commentLength}}`, 'g')) ?? [];

/**
 * One transaction of nftables that puts `next` in force instead of `table`: it is carried out whole or not at all, and no packet sees a part of
 * it. Where another version than that of `table` is in force by now all of it fails, since an element that is not there cannot be deleted.
 *
 * @param there `as known`: the maps are as `table` says, and only what differs is written. `otherwise`: somebody has changed them; all is
 *   written. `gone`: there is no table
 */
export function transaction(
  settings: KernelSettings,
  there: 'as known' | 'otherwise' | 'gone',
  table: ProxyTable,
  next: ProxyTable,
): string {
  const order = (verb: 'add' | 'delete', name: string, elements: readonly string[]): string[] =>
    elements.length > 0 ? [`${verb} element inet ${settings.table} ${name} { ${elements.join(', ')} }`] : [];
  const former = new Map(
    named(elementsOf(there === 'as known' ? table.routes : [])).map(({ name, elements }) => [name, elements]),
  );
  const changes = named(elementsOf(next.routes)).flatMap(({ kind, name, elements }) => {
    const [had, has] = [new Set(former.get(name)), new Set(elements)];
    // What is deleted is named by its key alone.
    const gone = [...had].filter((each) => !has.has(each)).map((each) => each.split(' : ')[0] ?? '');
    return [
      ...(there === 'otherwise' ? [`flush ${kind} inet ${settings.table} ${name}`] : []),
      ...order('delete', name, gone),
      ...order(
        'add',
        name,
        elements.filter((each) => !had.has(each)),
      ),
    ];
  });
  const state = deflateSync(JSON.stringify(next)).toString('base64url');
  return [
    ...(there === 'gone' ? creation(settings) : []),
    ...order('delete', 'version', [String(there === 'gone' ? 0 : table.version)]),
    ...order('add', 'version', [String(next.version)]),
    `flush set inet ${settings.table} state`,
    ...order(
      'add',
      'state',
      pieces(state).map((piece, index) => `${index} comment "${piece}"`),
    ),
    ...changes,
    '',
  ].join('\n');
}

const Value = z.union([z.string(), z.number()]);
const Concat = z.union([Value, z.object({ concat: z.array(Value) })]);
const Listing = z.object({
  nftables: z.array(
    z.looseObject({
      map: z
        .looseObject({ name: z.string(), elem: z.array(z.tuple([Concat, Concat])).default([]) })
        .optional(),
      set: z
        .looseObject({
          name: z.string(),
          elem: z
            .array(z.union([Concat, z.object({ elem: z.looseObject({ val: Value, comment: z.string() }) })]))
            .default([]),
        })
        .optional(),
    }),
  ),
});

const written = (value: z.infer<typeof Concat>): string =>
  typeof value === 'object' ? value.concat.join(' . ') : String(value);

/** What the kernel has: the table that was last put in force, and whether the maps are still as it says. */
export interface Found {
  readonly table: ProxyTable;
  /** False if somebody else has changed the maps. */
  readonly intact: boolean;
}

/**
 * Reads what `nft -j list table` prints.
 *
 * @throws CutoverError `router-refused` for a table that is not ours, or is damaged
 */
export function readListing(text: string, name: string): Found {
  const foreign = (why: string, cause?: unknown): CutoverError =>
    new CutoverError(
      'router-refused',
      `nftables table inet ${name}: expected the one of Cutover, found ${why}`,
      {
        next: `look at it: nft list table inet ${name}; choose another name under router.kernel.table, or delete it if nothing needs it`,
        ...(cause === undefined ? {} : { cause }),
      },
    );
  let listing: z.infer<typeof Listing>;
  try {
    listing = Listing.parse(JSON.parse(text));
  } catch (cause) {
    throw foreign('something else', cause);
  }
  const sets = new Map(listing.nftables.flatMap(({ set }) => (set ? [[set.name, set.elem]] : [])));
  const maps = new Map(listing.nftables.flatMap(({ map }) => (map ? [[map.name, map.elem]] : [])));
  const version = sets.get('version')?.[0];
  const state = sets.get('state');
  if (typeof version !== 'number' || !state) throw foreign('one without a version');
  const comments = state
    .flatMap((element) => (typeof element === 'object' && 'elem' in element ? [element.elem] : []))
    .sort((a, b) => Number(a.val) - Number(b.val))
    .map(({ comment }) => comment);
  let table: ProxyTable;
  try {
    const inflated = inflateSync(Buffer.from(comments.join(''), 'base64url'), {
      maxOutputLength: mostStateBytes,
    });
    table =
      comments.length === 0 ? { ...emptyTable, version } : ProxyTable.parse(JSON.parse(inflated.toString()));
  } catch (cause) {
    throw foreign('one whose state cannot be read', cause);
  }
  if (table.version !== version) throw foreign(`version ${version} with the state of ${table.version}`);
  const canonical = (elements: readonly string[]): string =>
    elements
      .map((each) => each.toLowerCase())
      .sort()
      .join();
  const intact = named(elementsOf(table.routes)).every(({ kind, name: part, elements }) => {
    const found =
      kind === 'map'
        ? maps.get(part)?.map(([key, to]) => `${written(key)} : ${written(to)}`)
        : sets.get(part)?.map((each) => (typeof each === 'object' && 'elem' in each ? '' : written(each)));
    return found !== undefined && canonical(found) === canonical(elements);
  });
  return { table, intact };
}
