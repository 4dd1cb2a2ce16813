import type { Random } from './random.ts';

/** Kinds of work that are one request and one response. */
export const exchangeKinds = [
  'keep-alive',
  'close',
  'upload',
  'order',
  'stream',
  'slow',
  'download',
] as const;
export const kinds = [...exchangeKinds, 'websocket'] as const;
export type ExchangeKind = (typeof exchangeKinds)[number];
export type Kind = (typeof kinds)[number];

/** Who answered, by the response's headers. */
export interface Speaker {
  readonly environment: string;
  readonly release: string;
}

export interface Flaw {
  readonly reason: 'wrong-content' | 'mixed';
  readonly detail: string;
}

/** One request, and what its response must be. */
export interface Exchange {
  /** For a person, e.g. `GET /products`. */
  readonly label: string;
  /** The bytes of the request, sent with `pauseMs` between the parts. */
  readonly parts: readonly Uint8Array[];
  readonly pauseMs: number;
  readonly status: number;
  /** The request asks the server to close the connection. */
  readonly close: boolean;
  /** What is wrong with a whole response of the right status; null if nothing is. */
  check(body: Buffer, speaker: Speaker | null): Flaw | null;
}

/** WebSockets to a path that says back what it hears. Ranges are [least, most]. */
export interface TunnelWork {
  readonly path: string;
  readonly messages: readonly [number, number];
  readonly bytes: readonly [number, number];
  readonly pauseMs: readonly [number, number];
}

/** What one connection works from: its own random numbers, and a number that no other connection of the load has. */
export interface Place {
  readonly random: Random;
  readonly index: number;
}

/** How a program under load is spoken to: for each kind, what is asked and what must come back. */
export interface Profile {
  /** The Host header. */
  readonly host: string;
  /** Headers that name who answered; null if the program has none. */
  readonly speaker: { readonly environment: string; readonly release: string } | null;
  /** Called once for each connection; what it returns is called once for each request. An absent kind is not done. */
  readonly exchanges: Partial<Record<ExchangeKind, (place: Place) => () => Exchange>>;
  readonly tunnel: TunnelWork | null;
}
