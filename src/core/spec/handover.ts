import type { z } from 'zod';

/** A listening socket is handed over on one machine, and by nothing else than the socket itself. */
export function handoverRules(
  spec: {
    readonly router: { readonly driver: string };
    readonly platform: { readonly driver: string };
    readonly strategy: { readonly kind: string };
  },
  context: z.RefinementCtx,
): void {
  const { router, platform, strategy } = spec;
  if (strategy.kind === 'handover' && router.driver !== 'socket')
    context.addIssue({
      code: 'custom',
      path: ['strategy', 'kind'],
      input: strategy.kind,
      message: `expected router.driver socket with kind handover, found ${router.driver}: there is no socket to hand over`,
    });
  if (router.driver === 'socket' && platform.driver !== 'process')
    context.addIssue({
      code: 'custom',
      path: ['router', 'driver'],
      input: router.driver,
      message: `expected platform.driver process with driver socket, found ${platform.driver}: a socket is handed over on this machine only`,
    });
}
