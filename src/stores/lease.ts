import { CutoverError } from '../core/errors.ts';
import type { Lease } from '../ports/store.ts';

/**
 * A lease as a store keeps it. It outlives being given back (`holder` is null then), so that the fence only grows: a holder
 * that was paused for an age never meets its own number again.
 */
export interface KeptLease {
  readonly name: string;
  readonly fence: number;
  readonly holder: string | null;
  readonly expiresAt: number;
}

/** The lease that `holder` gets at `now`; null if another has it. Its own is renewed under the same fence. */
export function grant(
  kept: KeptLease | null,
  name: string,
  holder: string,
  ttlMs: number,
  now: number,
): Lease | null {
  const expiresAt = now + ttlMs;
  if (!kept) return { name, holder, fence: 1, expiresAt };
  if (kept.holder === holder) return { name, holder, fence: kept.fence, expiresAt };
  if (kept.holder !== null && kept.expiresAt > now) return null;
  return { name, holder, fence: kept.fence + 1, expiresAt };
}

/** Whether this lease is the newest and has not been given back. Its time does not matter: nobody has taken over yet. */
export const inForce = (kept: KeptLease | null, lease: Lease): boolean =>
  kept !== null && kept.fence === lease.fence && kept.holder === lease.holder;

/** The kept lease as the port shows it. */
export const shown = (kept: KeptLease | null): Lease | null =>
  kept && kept.holder !== null ? { ...kept, holder: kept.holder } : null;

/** `lease-lost` in the words of every store. */
export const leaseLost = (kept: KeptLease | null, lease: Lease): CutoverError =>
  new CutoverError(
    'lease-lost',
    `lease ${lease.name}: expected fence ${lease.fence} of ${lease.holder}, found ${
      kept === null
        ? 'no lease'
        : `fence ${kept.fence} ${kept.holder === null ? 'given back' : `of ${kept.holder}`}`
    }; nothing was written`,
    {
      next: 'Another controller is in charge, or this one has given up the lease: leave the service to it, or start again.',
    },
  );
