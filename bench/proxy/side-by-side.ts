import type { Address } from '../../src/core/address.ts';
import type { Effort, ProxyCase } from './case.ts';
import { cpuUsOf } from './cpu.ts';
import type { Load } from './load.ts';
import { peers, type PeerWishes, type RunningPeer } from './peer.ts';
import { barOf, median, type CaseResult } from './result.ts';
import type { Running } from './running.ts';

/** A case in which all peers get the same load, in turn. */
export interface SideBySide {
  readonly key: string;
  readonly name: string;
  readonly load: Load;
  /** How much of a peer's processor time per request ours may be. */
  readonly limits: Readonly<Record<string, number>>;
  /** With what the peers are started beyond the origin; may make files in the directory. */
  readonly place?: (directory: string) => Promise<PeerWishes>;
}

interface Sample {
  readonly cpuUsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

/** One round of one peer. */
export async function sample(
  { listen, pid }: { readonly listen: Address; readonly pid: number | null },
  load: Load,
  seconds: number,
  signal: AbortSignal,
): Promise<Sample> {
  signal.throwIfAborted();
  const before = pid === null ? 0 : cpuUsOf(pid);
  const { requests, requestsPerSecond, p99Ms } = await load(listen, seconds, signal);
  const spent = pid === null ? 0 : cpuUsOf(pid) - before;
  return { cpuUsPerRequest: spent / requests, requestsPerSecond, p99Ms };
}

const warmUpSeconds = 1;
/**
 * All get so many requests before they are measured, or as many as they can answer in `mostWarmUps` seconds: one of them compiles its code
 * while it serves the first ones, in threads of its own, which is no part of what a request costs from then on. For most cases a second is
 * enough; with a new connection for each request it is not, on a slow machine.
 */
const warmUpRequests = 25_000;
const mostWarmUps = 8;

async function warmUp(load: Load, address: Address, signal: AbortSignal): Promise<void> {
  for (let seconds = 0, sent = 0; seconds < mostWarmUps && sent < warmUpRequests; seconds += warmUpSeconds)
    sent += (await load(address, warmUpSeconds, signal)).requests;
}

/** Warms all up, then measures each in turn, round by round, so that what the machine does besides meets all alike. */
export async function interleave(
  there: readonly { readonly name: string; readonly at: RunningPeer }[],
  load: Load,
  { rounds, seconds }: Effort,
  signal: AbortSignal,
): Promise<(Sample & { readonly peer: string })[]> {
  for (const { at } of there) await warmUp(load, at.listen, signal);
  const samples = there.map(({ name, at }) => ({ peer: name, at, of: [] as Sample[] }));
  for (let round = 0; round < rounds; round++)
    for (const { at, of } of samples) of.push(await sample(at, load, seconds, signal));
  return samples.map(({ peer, of }) => ({
    peer,
    cpuUsPerRequest: median(of.map(({ cpuUsPerRequest }) => cpuUsPerRequest)),
    requestsPerSecond: median(of.map(({ requestsPerSecond }) => requestsPerSecond)),
    p99Ms: median(of.map(({ p99Ms }) => p99Ms)),
  }));
}

async function run(what: SideBySide, effort: Effort, running: Running): Promise<CaseResult> {
  const origin = await running.startOrigin();
  const more: PeerWishes = (await what.place?.(running.directory)) ?? {};
  const absent: { peer: string; reason: string }[] = [];
  const there: { name: string; at: RunningPeer }[] = [];
  for (const peer of peers) {
    const reason = peer.absent(more);
    if (reason === null) there.push({ name: peer.name, at: await running.startPeer(peer, origin, more) });
    else absent.push({ peer: peer.name, reason });
  }
  const rows = await interleave(there, what.load, effort, running.signal);
  const cpu = (name: string): number | undefined => rows.find(({ peer }) => peer === name)?.cpuUsPerRequest;
  const ours = cpu('cutover');
  const bars = Object.entries(what.limits).flatMap(([peer, limit]) => {
    const theirs = cpu(peer);
    return ours === undefined || theirs === undefined ? [] : [barOf(peer, ours, theirs, limit)];
  });
  return { name: what.name, rows, bars, ...(absent.length > 0 ? { absent } : {}) };
}

export const sideBySide = (what: SideBySide): ProxyCase => ({
  key: what.key,
  name: what.name,
  run: (effort, running) => run(what, effort, running),
});
