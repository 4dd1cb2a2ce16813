import { formatAddress } from '../core/address.ts';
import { formatDuration } from '../core/duration.ts';
import type { CheckResult, CheckTarget } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import { converse, describeFailure } from './connection.ts';
import { secureOptions } from './secure.ts';

/** The address accepts a connection, and TLS on it where it is spoken to so; nothing is said on it. */
export async function tcpCheck(
  clock: Clock,
  { address, upstream }: CheckTarget,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<CheckResult> {
  const began = clock.monotonic();
  const secure = await secureOptions(upstream, address);
  if (typeof secure === 'string') return { ok: false, detail: secure, ms: clock.monotonic() - began };
  const result = await converse<{ kind: 'accepted' }>(
    clock,
    address,
    timeoutMs,
    signal,
    {
      connected: (_, finish) => finish({ kind: 'accepted' }),
      data: () => undefined,
      end: () => undefined,
    },
    secure,
    upstream?.sendProxy,
  );
  const ms = clock.monotonic() - began;
  if (result.kind !== 'accepted')
    return { ok: false, detail: describeFailure(result, address, timeoutMs), ms };
  return {
    ok: true,
    detail: `${formatAddress(address)} accepted a connection after ${formatDuration(ms)}`,
    ms,
  };
}
