import type { Address } from '../../core/address.ts';
import type { Keeping } from '../../core/caching.ts';
import { other, type Colour } from '../../core/colour.ts';
import { isIpv4, parseIp } from '../../core/ip.ts';
import type { DnsSettings } from '../../core/spec/dns.ts';
import type { Route } from '../../core/traffic.ts';
import { formatIp } from './ip-data.ts';
import type { RecordSet } from './record-set.ts';

/** Types under a name that say where it leads to. */
const leading = (alias: boolean) => ['A', 'AAAA', 'CNAME', ...(alias ? (['ALIAS'] as const) : [])] as const;

/** All that says where a name leads to, in the order in which it is read and written; most of it is empty. */
function setsAt(name: string, ttlSeconds: number, targets: readonly string[], alias: boolean): RecordSet[] {
  const values: Record<RecordSet['type'], string[]> = { A: [], AAAA: [], CNAME: [], ALIAS: [], TXT: [] };
  for (const target of targets) {
    const ip = parseIp(target);
    if (ip === null) values[alias ? 'ALIAS' : 'CNAME'].push(target);
    else if (isIpv4(ip)) values.A.push(formatIp(ip.subarray(12)));
    else values.AAAA.push(formatIp(ip));
  }
  return leading(alias).map((type) => ({
    name,
    type,
    ttlSeconds,
    values: [...new Set(values[type])].sort(),
  }));
}

const targetsOf = (route: Route, colour: Colour, { targets }: DnsSettings): readonly string[] =>
  targets?.[colour] ?? route[colour].instances.map(({ host }: Address) => host);

/** What a route says to clients: where the name of the service leads to, and that of its preview. */
export function recordsOf(route: Route, settings: DnsSettings, keeping: Keeping): RecordSet[] {
  const { alias, ttl, switchTtl } = settings;
  const seconds = (keeping === 'short' ? switchTtl : ttl) / 1000;
  const second = other(route.live);
  // A side that holds nothing is reached by nobody, also where its targets are known.
  const preview = route[second].instances.length === 0 ? [] : targetsOf(route, second, settings);
  return [
    ...setsAt(route.listen.host, seconds, targetsOf(route, route.live, settings), alias),
    // Testers follow a switch as soon as they can.
    ...(route.preview ? setsAt(route.preview.host, switchTtl / 1000, preview, alias) : []),
  ];
}

/** The same names without records. */
export const emptied = (sets: readonly RecordSet[]): RecordSet[] =>
  sets.map((set) => ({ ...set, values: [] }));
