import type { Turn } from '../../core/proxies/standing.ts';
import type { Counters, Evicted, Eviction } from '../../core/traffic.ts';
import type { Committed, Look, LookOrder, PrepareOrder } from '../../proxy/admin/joint.ts';

/**
 * One of several proxies, as the controller reaches it (`src/proxy/admin/joint.ts`). Each call may be repeated. Rejects with `proxy-absent` if it does not
 * answer within `timeoutMs`: whether it has heard is not known then.
 */
export interface Member {
  readonly name: string;
  look(order: LookOrder, timeoutMs: number): Promise<Look>;
  prepare(order: PrepareOrder, timeoutMs: number): Promise<void>;
  hold(service: string, turn: Turn, timeoutMs: number): Promise<void>;
  commit(service: string, turn: Turn, timeoutMs: number): Promise<Committed>;
  release(service: string, turn: Turn, timeoutMs: number): Promise<void>;
  counters(service: string): Promise<Counters>;
  evict(service: string, eviction: Eviction): Promise<Evicted>;
}
