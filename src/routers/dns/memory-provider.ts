import type { Answered, Change, DnsProvider, RecordKey } from './provider.ts';
import { sameValues, type RecordSet, type RecordType } from './record-set.ts';

const keyOf = ({ name, type }: RecordKey): string => `${type} ${name}`;

/** A zone in memory: for tests of what stands on a provider, and the shortest one that keeps the contract. */
export class MemoryProvider implements DnsProvider {
  readonly types: readonly RecordType[] = ['A', 'AAAA', 'CNAME', 'ALIAS', 'TXT'];
  readonly #sets = new Map<string, RecordSet>();
  serial = 1;
  /** Servers that still answer what was there before, by name, and those that do not answer. */
  readonly away = new Map<string, string>();

  read(keys: readonly RecordKey[]): Promise<Answered> {
    return Promise.resolve(this.#answered('memory', keys));
  }

  change({ where, put }: Change): Promise<boolean> {
    if (where.some((set) => !sameValues(set, this.#set(set)))) return Promise.resolve(false);
    for (const set of put)
      if (set.values.length === 0) this.#sets.delete(keyOf(set));
      else this.#sets.set(keyOf(set), { ...set, values: [...set.values].sort() });
    this.serial++;
    return Promise.resolve(true);
  }

  served(keys: readonly RecordKey[]): ReturnType<DnsProvider['served']> {
    return Promise.resolve([
      this.#answered('memory', keys),
      ...[...this.away].map(([server, away]) => ({ server, away })),
    ]);
  }

  #set(key: RecordKey): RecordSet {
    const { name, type } = key;
    return this.#sets.get(keyOf(key)) ?? { name, type, ttlSeconds: 0, values: [] };
  }

  #answered(server: string, keys: readonly RecordKey[]): Answered {
    return { server, serial: this.serial, sets: keys.map((key) => this.#set(key)) };
  }
}
