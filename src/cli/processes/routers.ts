import { resolve } from 'node:path';
import { HaproxySettings } from '../../core/spec/haproxy.ts';
import { KernelSettings } from '../../core/spec/kernel.ts';
import type { Spec } from '../../core/spec.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Router } from '../../ports/router.ts';
import type { JointRouter } from '../../routers/joint/joint-router.ts';
import { TableRouter } from '../../routers/configured/table-router.ts';
import { AgentsSettings } from '../../core/spec/agents.ts';
import { CaddySettings } from '../../core/spec/caddy.ts';
import { NginxSettings } from '../../core/spec/nginx.ts';
import { AgentsPlace } from '../../routers/agents/agents-place.ts';
import { CaddyPlace } from '../../routers/caddy/caddy-place.ts';
import { CommandRouter } from '../../routers/command/command-router.ts';
import { CommandProvider } from '../../routers/dns/command-provider.ts';
import { DnsRouter } from '../../routers/dns/dns-router.ts';
import { readKey } from '../../routers/dns/key-file.ts';
import { Rfc2136Provider } from '../../routers/dns/rfc2136-provider.ts';
import { NginxPlace } from '../../routers/nginx/nginx-place.ts';
import { HaproxyPlace } from '../../routers/haproxy/haproxy-place.ts';
import { KernelRouter } from '../../routers/kernel/kernel-router.ts';
import { SocketRouter } from '../../routers/socket/socket-router.ts';
import type { HolderClient } from '../../holder/client.ts';

type RouterSpec = Spec['router'];
type Maker = (settings: RouterSpec, base: string) => Router;

/**
 * The routers by their names in a spec. The same settings give the same router.
 *
 * @param embedded our own proxy
 * @param holder who holds listening sockets
 */
export function createRouters(
  embedded: JointRouter,
  holder: HolderClient,
  clock: Clock,
  /** Of the controller, absolute. */
  home: string,
): (settings: RouterSpec, base: string) => Router {
  const makers: Readonly<Record<RouterSpec['driver'], Maker>> = {
    embedded: ({ proxies }) => embedded.for(proxies),
    haproxy({ haproxy = HaproxySettings.parse({}) }, base) {
      const { config, socket } = haproxy;
      return new TableRouter(
        new HaproxyPlace({ ...haproxy, config: resolve(base, config), socket: resolve(base, socket) }),
      );
    },
    kernel: ({ kernel = KernelSettings.parse({}) }) => new KernelRouter(kernel, () => clock.now()),
    nginx({ nginx = NginxSettings.parse({}) }, base) {
      const { config, pid } = nginx;
      return new TableRouter(
        new NginxPlace({ ...nginx, config: resolve(base, config), pid: resolve(base, pid) }),
      );
    },
    caddy: ({ caddy = CaddySettings.parse({}) }, base) =>
      new TableRouter(new CaddyPlace({ ...caddy, sides: resolve(base, caddy.sides) })),
    dns({ dns }, base) {
      if (!dns) throw new Error('the spec has no router.dns');
      const { zone, servers = [], key, command } = dns;
      const provider =
        command === undefined
          ? new Rfc2136Provider(zone, servers, () => readKey(resolve(base, key ?? '')))
          : new CommandProvider(zone, command, base);
      return new DnsRouter(dns, provider, clock, base);
    },
    agents: ({ agents = AgentsSettings.parse({}) }, base) =>
      new TableRouter(
        new AgentsPlace(
          {
            ...agents,
            ...(agents.tokenFile !== undefined && { tokenFile: resolve(base, agents.tokenFile) }),
            directory: resolve(home, 'agents-router'),
          },
          clock,
        ),
      ),
    command({ command }, base) {
      if (!command) throw new Error('the spec has no router.command');
      return new CommandRouter(command, base);
    },
    socket: () => new SocketRouter(holder, () => clock.now()),
  };
  const made = new Map<string, Router>();
  return (settings, base) => {
    const { driver } = settings;
    const own =
      driver === 'embedded'
        ? settings.proxies.length > 0
        : driver === 'socket'
          ? null
          : [settings[driver], base];
    const key = JSON.stringify([driver, own]);
    const router = made.get(key) ?? makers[driver](settings, base);
    made.set(key, router);
    return router;
  };
}
