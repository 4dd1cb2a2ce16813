import { ascii, lowered } from '../http1/octets.ts';
import { ByteTable, hashOctet, hashSeed } from './byte-table.ts';
import { habitsOf, readingOf } from './path-readings.ts';

const SLASH = 47;
const DOT = 46;
const QUESTION = 63;
const longestHost = 253;
/** More kinds of second readings than this in one path are not weighed against each other. */
const mostHabits = 4;

/** Why nothing was found: nobody has the host, nobody has the path, or servers would read the path in different ways. */
export type Missed = 421 | 404 | 400;

/** What is found for a host whose path begins so: `value`. */
export interface Listed<T> {
  /** A name in lower case, `*.` and a name, or `*`. */
  readonly host: string;
  /** `/`, or a path without a slash at its end. */
  readonly prefix: string;
  readonly value: T;
}

const unchanged = Uint8Array.from({ length: 256 }, (_, octet) => octet);
const hashForward = (key: Uint8Array): number => key.reduce(hashOctet, hashSeed);
const hashBackward = (key: Uint8Array): number => key.reduceRight(hashOctet, hashSeed);

/** What is listed for one host, by path. */
class Paths<T> {
  readonly root: T | null;
  private readonly table: ByteTable<T> | null;

  constructor(listed: readonly Listed<T>[]) {
    this.root = listed.find(({ prefix }) => prefix === '/')?.value ?? null;
    const prefixes = listed.filter(({ prefix }) => prefix !== '/');
    this.table =
      prefixes.length === 0
        ? null
        : new ByteTable(
            prefixes.map(({ prefix, value }) => [ascii(prefix), value] as const),
            hashForward,
            unchanged,
          );
  }

  /** For the request target at `bytes[from, to)`; or why not. */
  find(bytes: Uint8Array, from: number, to: number): T | Missed {
    if (this.table === null) return this.root ?? 404;
    let end = from;
    while (end < to && bytes[end] !== QUESTION) end++;
    const found = this.longest(bytes, from, end);
    const habits = habitsOf(bytes, from, end);
    if (habits !== 0 && !this.agreed(found, bytes, from, end, habits)) return 400;
    return found ?? 404;
  }

  /** The value of the longest prefix that ends where a segment does. */
  private longest(bytes: Uint8Array, from: number, to: number): T | null {
    const table = this.table!;
    let found = this.root;
    let hash = hashSeed;
    const last = Math.min(to, from + table.longest + 1);
    for (let i = from; i < last; i++) {
      const octet = bytes[i]!;
      if (octet === SLASH && i > from) found = table.find(hash, bytes, from, i) ?? found;
      hash = hashOctet(hash, octet);
    }
    if (last === to && to - from <= table.longest) found = table.find(hash, bytes, from, to) ?? found;
    return found;
  }

  /** Whether servers with any of these habits would find the same: if not, whoever is behind us may serve what is not theirs. */
  private agreed(found: T | null, bytes: Uint8Array, from: number, to: number, habits: number): boolean {
    let kinds = 0;
    for (let bits = habits; bits !== 0; bits &= bits - 1) kinds++;
    if (kinds > mostHabits) return false;
    for (let some = habits; some !== 0; some = (some - 1) & habits) {
      const path = readingOf(bytes, from, to, some);
      if (this.longest(path, 0, path.length) !== found) return false;
    }
    return true;
  }
}

/**
 * Values by host and path, for one listening address. The most specific wins: the very host, then the longest `*.` name, then any
 * host; within it the longest prefix, by whole segments. A host is looked up without its port and without a dot at its end.
 */
export class Directory<T> {
  private readonly exact: ByteTable<Paths<T>>;
  private readonly below: ByteTable<Paths<T>> | null;
  private readonly any: Paths<T> | null;
  /** The one value for every host and path; null if there is more to know. */
  readonly sole: T | null;

  constructor(listed: readonly Listed<T>[]) {
    const byHost = Map.groupBy(listed, ({ host }) => host);
    const any = byHost.get('*');
    byHost.delete('*');
    const wild = [...byHost].filter(([host]) => host.startsWith('*.'));
    const exact = [...byHost].filter(([host]) => !host.startsWith('*.'));
    const table = (of: readonly (readonly [string, readonly Listed<T>[]])[], cut: number) =>
      new ByteTable(
        of.map(([host, own]) => [ascii(host.slice(cut)), new Paths(own)] as const),
        hashBackward,
        lowered,
      );
    this.exact = table(exact, 0);
    this.below = wild.length === 0 ? null : table(wild, 2);
    this.any = any === undefined ? null : new Paths(any);
    const only = listed.length === 1 ? listed[0] : undefined;
    this.sole = only !== undefined && only.host === '*' && only.prefix === '/' ? only.value : null;
  }

  /** For the host at `bytes[hostFrom, hostTo)` and the target at `bytes[from, to)`; or why there is none. */
  find(bytes: Uint8Array, hostFrom: number, hostTo: number, from: number, to: number): T | Missed {
    const paths = this.hostOf(bytes, hostFrom, hostTo);
    return paths === null ? 421 : paths.find(bytes, from, to);
  }

  private hostOf(bytes: Uint8Array, from: number, to: number): Paths<T> | null {
    if (to - from > 1 && bytes[to - 1] === DOT) to--;
    if (to - from > longestHost) return this.any;
    const { below } = this;
    let found = this.any;
    let hash = hashSeed;
    for (let i = to - 1; i >= from; i--) {
      const octet = lowered[bytes[i]!]!;
      if (below !== null && octet === DOT && i > from) found = below.find(hash, bytes, i + 1, to) ?? found;
      hash = hashOctet(hash, octet);
    }
    return this.exact.find(hash, bytes, from, to) ?? found;
  }
}
