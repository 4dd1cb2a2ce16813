import type { RecordSet, RecordType } from './record-set.ts';

/** Which records are asked for. */
export type RecordKey = Pick<RecordSet, 'name' | 'type'>;

/** What one server answers now. */
export interface Answered {
  /** For messages: where it is. */
  readonly server: string;
  /** Of the zone, as this server has it; null where there is none. */
  readonly serial: number | null;
  /** In the order in which they were asked for. */
  readonly sets: readonly RecordSet[];
}

/** What is to become of a zone: all of it or nothing. */
export interface Change {
  /** As they were read; if one of them is otherwise by now, nothing is changed. Without values: it must not be there. */
  readonly where: readonly RecordSet[];
  /** Each in the place of whatever is there; without values: taken away. */
  readonly put: readonly RecordSet[];
}

/**
 * Holds the records of a zone: servers that take dynamic updates, or a service that others run.
 *
 * Contract (the suite of routers proves it for each provider):
 * - `read` asks where changes are made, and not a cache: what `change` has done is there when it resolves.
 * - `change` is one transaction: whoever read something else than is there changes nothing, and is told so by `false`.
 * - `served` asks every server that answers clients, each by itself; one that does not answer is `{ server, away }`, in words.
 */
export interface DnsProvider {
  /** What it takes. */
  readonly types: readonly RecordType[];
  /** @throws CutoverError `router-absent` if it does not answer, `router-refused` if it does not let us */
  read(keys: readonly RecordKey[]): Promise<Answered>;
  /** True: it is done. False: `where` did not hold, and nothing was done. Throws as `read`. */
  change(change: Change): Promise<boolean>;
  served(keys: readonly RecordKey[]): Promise<readonly (Answered | { server: string; away: string })[]>;
}
