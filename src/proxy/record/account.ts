import type { Address } from '../../core/address.ts';
import type { Colour } from '../../core/colour.ts';
import type { FailureCause } from '../../core/traffic.ts';
import { HeadText } from './request-words.ts';

/** How a request ended that did not get one whole response: a failure of ours, the client's leaving, or our refusal. */
export type AccountCause = FailureCause | 'client-closed' | 'refused' | 'cut';

/** Where the requests go that an account is of. */
export interface AccountPlace {
  /** Null: the request was refused before it was known. */
  readonly service: string | null;
  readonly environment: Colour | null;
  readonly release: number | null;
  readonly mode: string;
  /** How instances are spoken to. */
  readonly upstream: { readonly tls: boolean; readonly h2: boolean };
}

/** Who asks: what is known of the connection. */
export interface AccountClient {
  /** An IP address. */
  readonly address: string;
  /** Such as `TLSv1.3`; null: plain. */
  readonly tls: string | null;
  /** It came as a stream of HTTP/2; its head is in the words of HTTP/1.1. */
  readonly multiplexed: boolean;
}

/** Identifiers of a sampled request (W3C Trace Context), in hexadecimal. */
export interface SpanIds {
  readonly trace: string;
  /** Of what asked us; null if nothing did. */
  readonly parent: string | null;
  readonly server: string;
  readonly client: string;
  /** The `tracestate` that came with it. */
  readonly state: string | null;
}

/** Who is told when an account is closed. */
export interface AccountKeeper {
  closed(account: Account): void;
}

/**
 * What there is to say of one request, from its head to its end: kept only for services that log or trace. Times are on the clock of
 * the plane, in milliseconds; -1 stands for what has not happened.
 */
export class Account {
  status = 0;
  cause: AccountCause | null = null;
  /** The reason of a refusal. */
  detail: string | null = null;
  bytesIn = 0;
  bytesOut = 0;
  attempts = 0;
  instance: Address | null = null;
  connectMs = -1;
  firstByteMs = -1;
  durationMs = 0;
  upgraded = false;
  requestId: string | null = null;
  traceId: string | null = null;
  /** Null unless spans are made of it. */
  spans: SpanIds | null = null;
  /** The head of the response; null unless some of it is to be told. */
  responseHead: Uint8Array | null = null;
  /** When it was last sent to an instance, since its start. */
  askedMs = -1;
  private over = false;
  private read: HeadText | null = null;

  constructor(
    private readonly keeper: AccountKeeper,
    readonly place: AccountPlace,
    readonly client: AccountClient,
    /** The head of the request, or as much of it as came; empty for a connection of which no request is read. */
    readonly head: Uint8Array,
    /** Milliseconds since 1970. */
    readonly time: number,
    /** On the plane's clock. */
    private readonly startedAt: number,
    /** From the first byte of the head to its last. */
    readonly headMs: number,
    /** How long it waited at a switch or because of the mode; -1: it did not. */
    readonly heldMs: number,
    /** Whether it is told of if it ends well. */
    readonly chosen: boolean,
    private readonly wantsResponse: boolean,
  ) {}

  /** The head as text to look things up in. */
  get text(): HeadText {
    return (this.read ??= new HeadText(this.head));
  }

  /** It goes to this instance, over a connection that is there or has to be made. */
  asked(instance: Address, now: number): void {
    this.attempts++;
    this.instance = instance;
    this.askedMs = now - this.startedAt;
    this.connectMs = -1;
  }
  connected(now: number): void {
    this.connectMs = now - this.startedAt - this.askedMs;
  }
  /** The final head of the response has come: `bytes[from, to)`. */
  answered(status: number, now: number, bytes: Uint8Array, from: number, to: number): void {
    this.status = status;
    this.firstByteMs = now - this.startedAt;
    if (this.wantsResponse) this.responseHead = bytes.slice(from, to);
  }
  /** It is over. Told once; what comes later is no news. */
  close(now: number, cause: AccountCause | null, status = this.status): void {
    if (this.over) return;
    this.over = true;
    this.status = status;
    this.cause = cause;
    this.durationMs = now - this.startedAt;
    this.keeper.closed(this);
  }
}
