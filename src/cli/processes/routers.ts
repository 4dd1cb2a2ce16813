import { resolve } from 'node:path';
import { HaproxySettings } from '../../core/spec/haproxy.ts';
import { KernelSettings } from '../../core/spec/kernel.ts';
import type { Spec } from '../../core/spec.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Router } from '../../ports/router.ts';
import { TableRouter } from '../../routers/configured/table-router.ts';
import { HaproxyPlace } from '../../routers/haproxy/haproxy-place.ts';
import { KernelRouter } from '../../routers/kernel/kernel-router.ts';

type RouterSpec = Spec['router'];
type Maker = (settings: RouterSpec, base: string) => Router;

/**
 * The routers by their names in a spec. The same settings give the same router.
 *
 * @param embedded our own proxy
 */
export function createRouters(
  embedded: Router,
  clock: Clock,
): (settings: RouterSpec, base: string) => Router {
  const makers: Readonly<Record<RouterSpec['driver'], Maker>> = {
    embedded: () => embedded,
    haproxy({ haproxy = HaproxySettings.parse({}) }, base) {
      const { config, socket } = haproxy;
      return new TableRouter(
        new HaproxyPlace({ ...haproxy, config: resolve(base, config), socket: resolve(base, socket) }),
      );
    },
    kernel: ({ kernel = KernelSettings.parse({}) }) => new KernelRouter(kernel, () => clock.now()),
  };
  const made = new Map<string, Router>();
  return (settings, base) => {
    const { driver } = settings;
    const key = JSON.stringify([driver, driver === 'embedded' ? null : [settings[driver], base]]);
    const router = made.get(key) ?? makers[driver](settings, base);
    made.set(key, router);
    return router;
  };
}
