import { createHmac } from 'node:crypto';
import type { RouteSticky } from '../../core/sticky.ts';
import { type Span, nextCookie, nextValue } from '../http1/header-value.ts';
import { ascii } from '../http1/octets.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { ByteTable, hashOctet, hashSeed } from './byte-table.ts';
import type { InstancePool } from './instance-pool.ts';
import type { Side } from './side.ts';

/** Octets of a tag as it stands in a cookie: 96 bits in base64url. */
const tagLength = 16;
const hashOfKey = (key: Uint8Array): number => key.reduce(hashOctet, hashSeed);
const unchanged = Uint8Array.from({ length: 256 }, (_, octet) => octet);
const cookieField = ascii('cookie');

/**
 * The names under which cookies know sides and instances: a keyed hash (HMAC-SHA-256) of what they are, so that nobody else can make one, and none
 * says an address. Made once for each key and kept.
 */
export class StickyTags {
  private made = new Map<string, readonly string[]>();
  private used = new Map<string, readonly string[]>();

  /** @param keys the first makes cookies, all are taken */
  constructor(readonly keys: readonly string[]) {}

  /** One for each key. */
  of(what: string): readonly string[] {
    let tags = this.used.get(what) ?? this.made.get(what);
    tags ??= this.keys.map((key) =>
      createHmac('sha256', Buffer.from(key, 'hex')).update(what).digest('base64url').slice(0, tagLength),
    );
    this.used.set(what, tags);
    return tags;
  }

  /** Forgets what was not asked for since this was called last. */
  sift(): void {
    this.made = this.used;
    this.used = new Map();
  }
}

/** What one of the tags means. */
interface Meaning {
  readonly side: Side | null;
  readonly pool: InstancePool | null;
  /** It was made with the key that makes cookies now. */
  readonly current: boolean;
}

/** The cookie that keeps clients of a service where they were. */
export class StickyCookie {
  // What the cookie of the request that was read last says.
  side: Side | null = null;
  pool: InstancePool | null = null;
  /** It says all that one which is made now would. */
  current = false;

  private readonly name: Uint8Array;
  private readonly table: ByteTable<Meaning>;
  private readonly made = new Map<Side | InstancePool, string>();
  private readonly lines = new Map<Side | InstancePool, Uint8Array>();
  private readonly line: Span = { from: 0, to: 0 };
  private readonly value: Span = { from: 0, to: 0 };
  private readonly attributes: string;
  readonly toInstance: boolean;

  constructor(
    private readonly cookie: NonNullable<RouteSticky['cookie']>,
    scope: RouteSticky['scope'],
    sides: readonly Side[],
    tags: StickyTags,
  ) {
    this.toInstance = scope === 'instance';
    this.name = ascii(cookie.name);
    const { path, maxAgeS, sameSite, secure } = cookie;
    this.attributes = [
      `; Path=${path}`,
      ...(maxAgeS > 0 ? [`; Max-Age=${maxAgeS}`] : []),
      '; HttpOnly',
      `; SameSite=${sameSite[0]!.toUpperCase()}${sameSite.slice(1)}`,
      ...(secure ? ['; Secure'] : []),
    ].join('');
    const entries = new Map<string, Meaning>();
    const enter = (what: Side | InstancePool, text: string, meaning: Omit<Meaning, 'current'>): void => {
      for (const [age, tag] of tags.of(text).entries()) {
        if (age === 0) this.made.set(what, tag);
        entries.set(tag, { ...meaning, current: age === 0 });
      }
    };
    for (const side of sides) {
      enter(side, `side ${side.key}`, { side, pool: null });
      if (this.toInstance)
        for (const pool of side.pools) enter(pool, `instance ${pool.key}`, { side: null, pool });
    }
    this.table = new ByteTable(
      [...entries].map(([tag, meaning]) => [ascii(tag), meaning] as const),
      hashOfKey,
      unchanged,
    );
  }

  /** Reads the cookie of a request. One that is forged, or of a side that is no more, says nothing; of several the first that says something counts. */
  read(bytes: Uint8Array, head: RequestHead): void {
    this.side = null;
    this.pool = null;
    this.current = false;
    const { line, value, name } = this;
    for (let next = head.fieldsFrom; ;) {
      next = nextValue(bytes, cookieField, next, head.end, line);
      if (next === -1) return;
      for (let pair = line.from; ;) {
        pair = nextCookie(bytes, name, pair, line.to, value);
        if (pair === -1) break;
        if (this.understood(bytes, value.from, value.to)) return;
      }
    }
  }

  /** The tag of the side, then, if it is about instances, that of the instance. */
  private understood(bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from !== (this.toInstance ? 2 * tagLength : tagLength)) return false;
    const side = this.meaningOf(bytes, from);
    if (side === undefined || side.side === null) return false;
    this.side = side.side;
    this.current = side.current;
    if (!this.toInstance) return true;
    const instance = this.meaningOf(bytes, from + tagLength);
    if (instance === undefined || instance.pool === null || !side.side.pools.includes(instance.pool))
      this.current = false;
    else {
      this.pool = instance.pool;
      this.current = side.current && instance.current;
    }
    return true;
  }

  private meaningOf(bytes: Uint8Array, from: number): Meaning | undefined {
    let hash = hashSeed;
    for (let i = from; i < from + tagLength; i++) hash = hashOctet(hash, bytes[i]!);
    return this.table.find(hash, bytes, from, from + tagLength);
  }

  /** The line that has the client keep to this side, and to this instance if it is about instances. */
  lineFor(side: Side, pool: InstancePool): Uint8Array {
    const what = this.toInstance ? pool : side;
    let line = this.lines.get(what);
    if (line === undefined) {
      const value = `${this.made.get(side)}${this.toInstance ? this.made.get(pool) : ''}`;
      line = ascii(`Set-Cookie: ${this.cookie.name}=${value}${this.attributes}\r\n`);
      this.lines.set(what, line);
    }
    return line;
  }
}
