import { systemClock } from '../../src/clocks/system.ts';
import { formatAddress, type Address } from '../../src/core/address.ts';
import { DnsSettings } from '../../src/core/spec/dns.ts';
import { KernelSettings } from '../../src/core/spec/kernel.ts';
import type { Route } from '../../src/core/traffic.ts';
import { DnsRouter } from '../../src/routers/dns/dns-router.ts';
import { readKey } from '../../src/routers/dns/key-file.ts';
import { Rfc2136Provider } from '../../src/routers/dns/rfc2136-provider.ts';
import { KernelRouter } from '../../src/routers/kernel/kernel-router.ts';
import { NamedFixture } from '../../test/fixtures/named.ts';
import type { Router } from '../../src/ports/router.ts';
import { CaddyPlace } from '../../src/routers/caddy/caddy-place.ts';
import { CommandRouter } from '../../src/routers/command/command-router.ts';
import { TableRouter } from '../../src/routers/configured/table-router.ts';
import { HaproxyPlace } from '../../src/routers/haproxy/haproxy-place.ts';
import { NginxPlace } from '../../src/routers/nginx/nginx-place.ts';
import { CaddyFixture } from '../../test/fixtures/caddy.ts';
import { CommandBalancer } from '../../test/fixtures/command-balancer.ts';
import { HaproxyFixture } from '../../test/fixtures/haproxy.ts';
import { NginxFixture } from '../../test/fixtures/nginx.ts';
import { ProxyFixture } from '../../test/fixtures/proxy.ts';

interface Started {
  readonly router: Router;
  /** What its routes have to say otherwise; default: nothing. */
  readonly route?: (route: Route) => Route;
  /** Whom clients ask where the name of the service leads to; absent: it is an address. */
  readonly resolver?: Address;
  close(): Promise<void>;
}

/** A router with the program behind it, each as its driver's tests start it. */
export interface Contestant {
  readonly name: string;
  /** A connection stays where it began, and a name leads to where it led for as long as it may be kept: requests come late, which do not fail. */
  readonly late?: true;
  /** It takes a network of its own, so it runs in a process of its own. */
  readonly ownNetwork?: true;
  /** Why it cannot take part; null if it can. */
  absent(): string | null;
  start(): Promise<Started>;
}

export const contestants: readonly Contestant[] = [
  {
    name: 'embedded',
    absent: () => null,
    start: async () => {
      const proxy = await ProxyFixture.start();
      return { router: proxy.router, close: () => proxy.close() };
    },
  },
  {
    name: 'haproxy',
    absent: HaproxyFixture.absent,
    start: async () => {
      const haproxy = await HaproxyFixture.start();
      return { router: new TableRouter(new HaproxyPlace(haproxy.settings)), close: () => haproxy.close() };
    },
  },
  {
    name: 'nginx',
    absent: NginxFixture.absent,
    start: async () => {
      const nginx = await NginxFixture.start();
      return { router: new TableRouter(new NginxPlace(nginx.settings)), close: () => nginx.close() };
    },
  },
  {
    name: 'caddy',
    absent: CaddyFixture.absent,
    start: async () => {
      const caddy = await CaddyFixture.start();
      return { router: new TableRouter(new CaddyPlace(caddy.settings)), close: () => caddy.close() };
    },
  },
  {
    name: 'kernel',
    late: true,
    ownNetwork: true,
    absent: () => null,
    start: () =>
      Promise.resolve({
        router: new KernelRouter(KernelSettings.parse({}), Date.now),
        route: (route: Route) => ({ ...route, protocol: 'tcp' as const }),
        close: () => Promise.resolve(),
      }),
  },
  {
    name: 'dns',
    late: true,
    absent: NamedFixture.absent,
    start: async () => {
      const named = await NamedFixture.start();
      const { zone, servers, key, primary } = named;
      const settings = DnsSettings.parse({
        ...{ zone, servers: servers.map(formatAddress), key, ttl: '1s', switchTtl: '1s' },
      });
      const provider = new Rfc2136Provider(zone, servers, () => readKey(key));
      return {
        router: new DnsRouter(settings, provider, systemClock, named.directory),
        resolver: primary.address,
        route: (route: Route) => ({
          ...route,
          listen: { host: `www.${zone}`, port: route.blue.instances[0]?.port ?? 0 },
        }),
        close: () => named.close(),
      };
    },
  },
  {
    name: 'command',
    absent: HaproxyFixture.absent,
    start: async () => {
      const balancer = await CommandBalancer.start();
      return {
        router: new CommandRouter(balancer.settings, balancer.folder),
        close: () => balancer.close(),
      };
    },
  },
];
