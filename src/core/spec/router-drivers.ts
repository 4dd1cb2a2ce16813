import type { z } from 'zod';

/** What decides which environment gets a request. */
export const routerDrivers = ['embedded', 'haproxy'] as const;
export type RouterDriver = (typeof routerDrivers)[number];

/** Settings of a driver that is not the one named would be of no effect. */
export function driverRules(
  router: { readonly driver: RouterDriver } & Partial<Record<RouterDriver, unknown>>,
  context: z.RefinementCtx,
): void {
  for (const driver of routerDrivers)
    if (driver !== router.driver && router[driver] !== undefined)
      context.addIssue({
        code: 'custom',
        path: [driver],
        input: driver,
        message: `expected router.${driver} only with driver: ${driver}`,
      });
}
