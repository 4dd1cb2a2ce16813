import type { Colour } from '../../core/colour.ts';
import type { RouteSticky } from '../../core/sticky.ts';
import type { Route } from '../../core/traffic.ts';
import { type Weights } from '../../core/weights.ts';
import { cutOf, placeOfTurn } from '../../core/weights-line.ts';
import { type Span, nextValue } from '../http1/header-value.ts';
import { ascii } from '../http1/octets.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { InstancePool } from './instance-pool.ts';
import { appointed, hashOf, hashOfText, mix } from './rendezvous.ts';
import type { Side } from './side.ts';
import { StickyCookie, type StickyTags } from './sticky-cookie.ts';

/** A client whose requests are steered. */
export interface Steered {
  readonly address: string;
}

/** What is said of where requests go. */
export interface Bearing {
  readonly blue: Side;
  readonly green: Side;
  /** Null: all to `sole`. */
  readonly weights: Weights | null;
  readonly sole: Side;
  readonly sticky: RouteSticky | null;
  /** By its value a client chooses its side, among those that have weight; null: it does not. */
  readonly sideHeader: string | null;
}

const colours = { blue: ascii('blue'), green: ascii('green') };

/**
 * Which side and which instance get a request, where that is not settled by who is live and who has least to do. What is asked for one
 * request stands in the fields until the next one.
 */
export class Steering {
  /** The instance that should get it; null: any of its side. */
  wanted: InstancePool | null = null;
  /** The instance that the client's cookie names as one made now would. */
  held: InstancePool | null = null;
  /** Whether the answer may have to renew the cookie. */
  renews = false;

  private readonly blue: Side;
  private readonly green: Side;
  /** The side that gets all; null: both have weight. */
  private readonly sole: Side | null;
  private readonly cut: number;
  private readonly cookie: StickyCookie | null;
  private readonly byAddress: boolean;
  private readonly keyHeader: Uint8Array | null;
  private readonly sideHeader: Uint8Array | null;
  private readonly toInstance: boolean;
  /** So that two services do not divide their clients alike. */
  private readonly salt: number;
  private readonly value: Span = { from: 0, to: 0 };
  /** Each worker begins elsewhere, or all would send their first requests to the same side. */
  private turn = (Math.random() * 2 ** 32) | 0;

  constructor({ blue, green, weights, sole, sticky, sideHeader }: Bearing, tags: StickyTags) {
    this.blue = blue;
    this.green = green;
    this.sole = weights === null ? sole : weights.green === 0 ? blue : weights.blue === 0 ? green : null;
    this.cut = weights === null ? 0 : cutOf(weights);
    const sides = this.sole === null ? [blue, green] : [this.sole];
    this.cookie =
      sticky?.cookie && tags.keys.length > 0
        ? new StickyCookie(sticky.cookie, sticky.scope, sides, tags)
        : null;
    this.byAddress = sticky?.by === 'client';
    this.keyHeader = sticky?.header ? ascii(sticky.header.toLowerCase()) : null;
    this.sideHeader = sideHeader === null || this.sole !== null ? null : ascii(sideHeader.toLowerCase());
    this.toInstance = sticky?.scope === 'instance';
    this.salt = hashOfText(sole.service);
  }

  /** The side for the next request; `head` is null for a connection of which none is read. */
  steer(client: Steered, bytes: Uint8Array, head: RequestHead | null, now: number): Side {
    this.wanted = null;
    this.held = null;
    this.renews = false;
    if (this.cookie !== null && head !== null) return this.byCookie(this.cookie, bytes, head, now);
    if (this.byAddress) return this.byKey(hashOfText(client.address), bytes, head, now);
    if (this.keyHeader !== null && head !== null) {
      const { value } = this;
      if (nextValue(bytes, this.keyHeader, head.fieldsFrom, head.end, value) !== -1 && value.to > value.from)
        return this.byKey(hashOf(bytes, value.from, value.to), bytes, head, now);
    }
    return this.chosen(bytes, head) ?? this.inTurn();
  }

  private byCookie(cookie: StickyCookie, bytes: Uint8Array, head: RequestHead, now: number): Side {
    cookie.read(bytes, head);
    const side = this.chosen(bytes, head) ?? cookie.side ?? this.inTurn();
    const stays = side === cookie.side;
    this.renews = true;
    if (!this.toInstance) this.renews = !stays || !cookie.current;
    else if (stays && cookie.pool !== null) {
      if (cookie.pool.care.takes(now)) this.wanted = cookie.pool;
      if (cookie.current) this.held = cookie.pool;
    }
    return side;
  }

  private byKey(key: number, bytes: Uint8Array, head: RequestHead | null, now: number): Side {
    const side = this.chosen(bytes, head) ?? this.at(mix(key ^ this.salt));
    if (this.toInstance) this.wanted = appointed(side.pools, key, now);
    return side;
  }

  /** The side that the client asks for; null if it asks for none. */
  private chosen(bytes: Uint8Array, head: RequestHead | null): Side | null {
    const { sideHeader, value } = this;
    if (sideHeader === null || head === null) return null;
    if (nextValue(bytes, sideHeader, head.fieldsFrom, head.end, value) === -1) return null;
    if (isText(bytes, value, colours.blue)) return this.blue;
    return isText(bytes, value, colours.green) ? this.green : null;
  }

  private inTurn(): Side {
    if (this.sole !== null) return this.sole;
    this.turn = (this.turn + 1) | 0;
    return this.at(placeOfTurn(this.turn));
  }

  private at(place: number): Side {
    return this.sole ?? (place < this.cut ? this.blue : this.green);
  }

  /** The line that renews the client's cookie; null if it names this instance already. */
  renewal(side: Side, pool: InstancePool, held: InstancePool | null): Uint8Array | null {
    return this.cookie === null || pool === held ? null : this.cookie.lineFor(side, pool);
  }
}

function isText(bytes: Uint8Array, { from, to }: Span, text: Uint8Array): boolean {
  if (to - from !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false;
  return true;
}

/** What steers the requests of a route, or those of testers to the side `preview`; null: nothing does. */
export function steeringOf(
  { weights, sticky, sideHeader, live }: Route,
  sides: Readonly<Record<Colour, Side>>,
  preview: Colour | null,
  tags: StickyTags,
): Steering | null {
  const divided = preview === null ? (weights ?? null) : null;
  if (divided === null && sticky === undefined) return null;
  return new Steering(
    {
      ...sides,
      weights: divided,
      sole: sides[preview ?? live],
      sticky: sticky ?? null,
      sideHeader: sideHeader ?? null,
    },
    tags,
  );
}
