import { CutoverError } from '../core/errors.ts';
import type { ProxyStatus, Upgrading } from '../proxy/admin/protocol.ts';
import type { EmbeddedRouter } from '../routers/embedded/embedded-router.ts';

const limitMs = 30_000;
const lookMs = 20;

/** Has the proxy become the program on disk and waits until the new one leads. Throws `upgrade-refused` if none comes up. */
export async function upgradeProxy(
  router: EmbeddedRouter,
): Promise<{ readonly before: Upgrading; readonly after: ProxyStatus; readonly tookMs: number }> {
  const before = await router.upgrade();
  const begun = performance.now();
  for (;;) {
    const after = await statusOf(router);
    const tookMs = performance.now() - begun;
    if (after !== null && after.bootId !== before.bootId) {
      if (after.version === before.to) return { before, after, tookMs };
      throw new CutoverError(
        'upgrade-refused',
        `expected version ${before.to} to take over, found ${after.version}: the system did not start it`,
        { next: 'the log of the proxy says why; traffic goes on' },
      );
    }
    if (tookMs > limitMs)
      throw new CutoverError(
        'upgrade-refused',
        `expected version ${before.to} to answer at ${router.socket} within ${limitMs / 1000} s, found no answer`,
        { next: 'the log of the proxy says why; its workers serve on: start it again as before' },
      );
    await Bun.sleep(lookMs);
  }
}

async function statusOf(router: EmbeddedRouter): Promise<ProxyStatus | null> {
  try {
    return await router.status();
  } catch (error) {
    if (error instanceof CutoverError && error.code === 'proxy-absent') return null;
    throw error;
  }
}
