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
  close(): Promise<void>;
}

/** A router with the program behind it, each as its driver's tests start it. */
export interface Contestant {
  readonly name: string;
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
