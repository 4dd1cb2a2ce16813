import type { z } from 'zod';
import type { Address } from '../address.ts';
import { DomainName, inZone, type DnsSettings } from './dns.ts';
import { parseIp } from '../ip.ts';

/** What decides which environment gets a request. */
export const routerDrivers = [
  'embedded',
  'haproxy',
  'kernel',
  'nginx',
  'caddy',
  'dns',
  'agents',
  'socket',
  'command',
] as const;
export type RouterDriver = (typeof routerDrivers)[number];

/** The kernel sees no requests; and settings of a driver that is not the one named would be of no effect. */
export function driverRules(
  router: {
    readonly driver: RouterDriver;
    readonly protocol: string;
    readonly listen: { readonly host: string };
  } & Partial<Record<RouterDriver, unknown>>,
  context: z.RefinementCtx,
): void {
  if (router.driver === 'kernel' && router.protocol !== 'tcp')
    context.addIssue({
      code: 'custom',
      path: ['protocol'],
      input: router.protocol,
      message: 'expected protocol tcp with driver kernel: it sees connections, and no requests',
    });
  if (router.driver === 'socket' && router.listen.host.includes(':') && router.listen.host !== '::')
    context.addIssue({
      code: 'custom',
      path: ['listen'],
      input: router.listen,
      message:
        'expected an IPv4 address, or [::], with driver socket: instances are asked one by one over IPv4',
    });
  for (const driver of routerDrivers)
    if (driver !== router.driver && router[driver] !== undefined)
      context.addIssue({
        code: 'custom',
        path: [driver],
        input: driver,
        message: `expected router.${driver} only with driver: ${driver}`,
      });
  for (const driver of ['command', 'dns'] as const)
    if (router.driver === driver && router[driver] === undefined)
      context.addIssue({
        code: 'custom',
        path: ['driver'],
        input: router.driver,
        message: `expected router.${driver} only with driver: ${driver}, and always then`,
      });
}

/** Where users reach a service by the DNS is a name of its zone, with the port at which they are then to find an instance. */
export function dnsRules(
  router: {
    readonly driver: RouterDriver;
    readonly listen: Address;
    readonly preview?: Address | undefined;
    readonly dns?: DnsSettings | undefined;
  },
  context: z.RefinementCtx,
): void {
  const { dns, listen, preview } = router;
  if (router.driver !== 'dns' || dns === undefined) return;
  const refuse = (path: string, { host, port }: Address, message: string): void =>
    context.addIssue({ code: 'custom', path: [path], input: `${host}:${port}`, message });
  for (const [path, address] of Object.entries({ listen, preview })) {
    if (address === undefined) continue;
    const { host, port } = address;
    if (!DomainName.safeParse(host).success || parseIp(host) !== null || !inZone(host, dns.zone))
      refuse(path, address, `expected a name in the zone ${dns.zone} and a port, e.g. www.${dns.zone}:80`);
    else if (port === 0 || port !== listen.port)
      refuse(path, address, 'expected the port of the instances: the DNS leads to addresses, and to no port');
    const names = [...(dns.targets?.blue ?? []), ...(dns.targets?.green ?? [])];
    if (host === dns.zone && !dns.alias && names.some((target) => parseIp(target) === null))
      refuse(
        path,
        address,
        'expected IP addresses as targets: a zone itself cannot be a CNAME (RFC 1034 §3.6.2)',
      );
  }
  if (preview !== undefined && preview.host === listen.host)
    refuse('preview', preview, 'expected another name than that of router.listen');
}
