import { formatAddress, type Address } from '../../core/address.ts';
import { PageMemory } from './page-memory.ts';
import type { Place, Profile } from './profile.ts';

/** How to ask any program for pages that do not change, kept and closed; every copy must be like the first. */
export function pagesProfile(
  target: Address,
  paths: readonly string[],
  host = formatAddress(target),
): Profile {
  const memory = new PageMemory();
  const pages =
    (close: boolean) =>
    ({ random }: Place) => {
      const all = paths.map((path) => ({
        label: `GET ${path}`,
        parts: [
          Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${close ? 'Connection: close\r\n' : ''}\r\n`),
        ],
        pauseMs: 0,
        status: 200,
        close,
        check: (body: Buffer) => {
          const same = memory.same(path, body);
          if (same === undefined) memory.remember(path, body);
          return same === false
            ? { reason: 'wrong-content' as const, detail: `differs from the first copy of ${path}` }
            : null;
        },
      }));
      return () => random.pick(all);
    };
  return { host, speaker: null, exchanges: { 'keep-alive': pages(false), close: pages(true) }, tunnel: null };
}
