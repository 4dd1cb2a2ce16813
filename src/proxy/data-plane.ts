import type { Address } from '../core/address.ts';
import type { Colour } from '../core/colour.ts';
import type { Page } from '../core/page.ts';
import type { Counters, Route } from '../core/traffic.ts';
import type { Challenge } from './acme/messages.ts';

/** A listening socket that the keeper made and that this process inherited. The data plane accepts on it; it never binds. */
export interface Listener {
  readonly address: Address;
  readonly fd: number;
}

/** All that the proxy routes by: immutable, replaced whole. `version` grows by one with each replacement. */
export interface Table {
  readonly version: number;
  readonly routes: readonly Route[];
  /** Until when services may go by their routes unless more is heard, by the clock of the machine. Those that are not named need no lease. */
  readonly leases?: Readonly<Record<string, number>> | undefined;
}

/** What workers need beside the table, and must not have to wait for a disk to get. */
export interface Provisions {
  /** What the pages that routes name say, by path. */
  readonly pages: Readonly<Record<string, Page>>;
  /** Of the cookies that keep clients where they were: the first makes them, all are taken. Secret. */
  readonly stickyKeys: readonly string[];
  /** What headers have to say to open a preview, by the file that it was read from. Secret. */
  readonly previewSecrets?: Readonly<Record<string, string>> | undefined;
  /** Where copies of requests are taken; absent: nowhere. */
  readonly mirrorSocket?: string | undefined;
}

/** Over how long what may go on for ever is ended once the deadline of a drain has come. */
export const closingSpanMs = (deadlineMs: number): number => Math.min(10_000, deadlineMs / 4);

/**
 * What a worker process does with traffic, apart from how it is told to. Every method but `drain` is synchronous, so that a
 * switch is: `hold` in every worker, `swap` in every worker, `release` in every worker.
 */
export interface DataPlane {
  /** Begins to accept on inherited sockets. The table says what each address serves; an address that no route names gets 503. */
  listen(listeners: readonly Listener[]): void;
  /** What the table may refer to, in place of what was given before. */
  provide(provisions: Provisions): void;
  /** Makes a table ready, with no effect on requests; what it returns is `swap` by it, in a time that does not depend on its size. */
  prepare(table: Table): () => void;
  /** From here on new requests are routed by this table. Exchanges that have begun finish where they began. */
  swap(table: Table): void;
  /** From here on new requests wait. Requests that have begun go on. Idempotent. */
  hold(): void;
  /** Sends the waiting requests by the table in force, in the order in which they came; returns how many waited. */
  release(): number;
  /**
   * Ends what is in flight on a side that gets no requests of users any more, each at a moment of its own within `overMs`. What has been told to end
   * is not told again; a table by which the side gets requests again ends that.
   */
  evict(service: string, colour: Colour, overMs: number): void;
  /** Which instances the checks found sick, by `instanceKey`: they get no new requests while another one may. */
  sicken(instances: readonly string[]): void;
  /** What an authority asks for just now, to be shown on every listener; no others. */
  prove(challenges: readonly Challenge[]): void;
  /** By service. `bootId` is the keeper's to add. */
  counters(): ReadonlyMap<string, Omit<Counters, 'bootId'>>;
  /**
   * Accepts no more, ends idle connections, answers what has begun with `Connection: close`, and resolves when the last
   * exchange and tunnel has ended. After `deadlineMs` requests are cut at once, and what may go on for ever within `closingSpanMs`. Idempotent.
   */
  drain(deadlineMs: number): Promise<void>;
}
