import { formatAddress } from '../core/address.ts';
import { formatDuration } from '../core/duration.ts';
import type { CheckResult, CheckTarget } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import { converse, describeFailure } from './connection.ts';

/** The address accepts a connection; nothing is said on it. */
export async function tcpCheck(
  clock: Clock,
  { address }: CheckTarget,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<CheckResult> {
  const began = clock.monotonic();
  const result = await converse<{ kind: 'accepted' }>(clock, address, timeoutMs, signal, {
    connected: (_, finish) => finish({ kind: 'accepted' }),
    data: () => undefined,
    end: () => undefined,
  });
  const ms = clock.monotonic() - began;
  if (result.kind !== 'accepted')
    return { ok: false, detail: describeFailure(result, address, timeoutMs), ms };
  return {
    ok: true,
    detail: `${formatAddress(address)} accepted a connection after ${formatDuration(ms)}`,
    ms,
  };
}
