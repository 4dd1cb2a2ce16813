import type { RouteEntrance } from '../../core/entrance.ts';
import { Trust } from '../../core/trust.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { Recorder } from '../record/recorder.ts';
import { Directory, type Listed, type Missed } from './directory.ts';
import type { Gate } from './gate.ts';
import { type Limits, widest } from './limits.ts';
import type { Pages } from './pages.ts';
import type { Side } from './side.ts';
import type { TesterDoor, Testers } from './testers.ts';
import type { Steering } from './steering.ts';
import type { ServiceTally } from './tally.ts';

/** What becomes of the requests of a tester who came among users. */
export interface Admission {
  readonly door: TesterDoor;
  /** Whole lines for the head of each answer. */
  readonly mark: Uint8Array;
}

/** One service as some of the requests at an address reach it. */
export class Target {
  constructor(
    readonly tally: ServiceTally,
    /** Where requests go if nothing steers them. */
    readonly side: Side,
    /** What chooses their side instead; null: nothing. */
    readonly steering: Steering | null,
    /** What stands before it; null for a service that is open, and for testers. */
    readonly gate: Gate | null,
    /** How many octets of the path instances do not get. */
    readonly strip: number,
    /** The line that tells them so; empty if there is nothing to tell. */
    readonly prefixLine: Uint8Array,
    /** Its requests are of testers. */
    readonly preview: boolean,
    /** Who looks for testers among its requests; null: there are none. */
    readonly testers: Testers | null = null,
    /** What a tester was let in with, and how answers are marked; null: nothing and not at all. */
    readonly admission: Admission | null = null,
  ) {}
}

const SLASH = 47;
const BACKSLASH = 92;
export const plain: Manner = { raw: false, lines: null, redirect: null, entrance: null };

/** How an address treats all its requests; the same for all services that share it. */
export interface Manner {
  /** Whole connections are switched: no request is read. */
  readonly raw: boolean;
  /** Sent with every response; null: none. */
  readonly lines: Uint8Array | null;
  /** This address only redirects, to this port of the same host. */
  readonly redirect: number | null;
  /** Who stands between it and the clients; null: nobody. */
  readonly entrance: RouteEntrance | null;
}

/** What one listening address serves. */
export class Entry {
  private readonly directory: Directory<Target>;
  /** The one target of all requests; null if host or path decide. */
  private readonly sole: Target | null;
  /** Where requests count that were refused before their service was known: only if there is one service. */
  readonly tally: ServiceTally | null;
  /** What such requests are answered with: likewise. */
  readonly pages: Pages | null;
  /** For what comes before the service of a request is known: the widest of all its services. */
  readonly limits: Limits;
  readonly lines: Uint8Array | null;
  readonly redirect: number | null;
  readonly raw: boolean;
  /** Connections begin with a PROXY header. */
  readonly greeted: boolean;
  /** Whose word is taken for who a client is; null: nobody's. */
  readonly trust: Trust | null;
  /** Where connections count that are refused before a request has come. */
  readonly doorTally: ServiceTally;
  /** Who tells of requests that go to no side, by service; null: none of the services tells of any. */
  private readonly recorders: ReadonlyMap<ServiceTally, Recorder> | null;

  constructor(listed: readonly Listed<Target>[], { raw, lines, redirect, entrance }: Manner) {
    this.raw = raw;
    this.lines = lines;
    this.redirect = redirect;
    this.greeted = entrance?.proxyProtocol ?? false;
    this.trust = entrance === null || entrance.trust.length === 0 ? null : new Trust(entrance.trust);
    this.directory = new Directory(listed);
    this.sole = this.directory.sole;
    const tallies = new Set(listed.map(({ value }) => value.tally));
    this.doorTally = listed[0]!.value.tally;
    this.tally = tallies.size === 1 ? listed[0]!.value.tally : null;
    const recorders = new Map(
      listed.flatMap(({ value: { tally, side } }): [ServiceTally, Recorder][] =>
        side.recorder === null ? [] : [[tally, side.recorder]],
      ),
    );
    this.recorders = recorders.size === 0 ? null : recorders;
    this.pages = this.tally === null ? null : listed[0]!.value.side.pages;
    this.limits = widest(new Set(listed.map(({ value }) => value.side.limits)));
  }

  /** The target of connections of which no request is read. */
  get rawTarget(): Target | undefined {
    return this.sole ?? undefined;
  }

  /** Who tells of a request that is refused; of one whose service is not known (`tally` null) the first that tells of any. */
  recorderOf(tally: ServiceTally | null): Recorder | null {
    const { recorders } = this;
    if (recorders === null) return null;
    if (tally !== null) return recorders.get(tally) ?? null;
    for (const recorder of recorders.values()) return recorder;
    return null;
  }

  /** The target for a request, or the status with which to refuse it. */
  find(bytes: Uint8Array, head: RequestHead): Target | Missed {
    if (this.sole !== null) return this.sole;
    const { hostFrom, targetFrom, targetTo } = head;
    const found = this.directory.find(bytes, hostFrom, head.hostNameTo(bytes), targetFrom, targetTo);
    if (typeof found === 'number' || found.strip === 0) return found;
    // Without its prefix, `/api//elsewhere` would be read as another host by some.
    const rest = targetFrom + found.strip + 1;
    return rest < targetTo && (bytes[rest] === SLASH || bytes[rest] === BACKSLASH) ? 400 : found;
  }
}
