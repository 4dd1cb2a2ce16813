import type { z } from 'zod';

/** What decides which environment gets a request. */
export const routerDrivers = ['embedded', 'haproxy', 'kernel', 'nginx', 'caddy', 'command'] as const;
export type RouterDriver = (typeof routerDrivers)[number];

/** The kernel sees no requests; and settings of a driver that is not the one named would be of no effect. */
export function driverRules(
  router: { readonly driver: RouterDriver; readonly protocol: string } & Partial<
    Record<RouterDriver, unknown>
  >,
  context: z.RefinementCtx,
): void {
  if (router.driver === 'kernel' && router.protocol !== 'tcp')
    context.addIssue({
      code: 'custom',
      path: ['protocol'],
      input: router.protocol,
      message: 'expected protocol tcp with driver kernel: it sees connections, and no requests',
    });
  for (const driver of routerDrivers)
    if (driver !== router.driver && router[driver] !== undefined)
      context.addIssue({
        code: 'custom',
        path: [driver],
        input: driver,
        message: `expected router.${driver} only with driver: ${driver}`,
      });
  if (router.driver === 'command' && router.command === undefined)
    context.addIssue({
      code: 'custom',
      path: ['driver'],
      input: router.driver,
      message: 'expected router.command only with driver: command, and always then',
    });
}
