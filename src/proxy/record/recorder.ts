import type { RequestHead } from '../http1/request-head.ts';
import { isRequestId, isTraceparent, randomHex } from '../http1/trace-fields.ts';
import type { ToldCounters } from '../../core/traffic.ts';
import {
  Account,
  type AccountCause,
  type AccountClient,
  type AccountKeeper,
  type AccountPlace,
  type SpanIds,
} from './account.ts';
import type { LogFile } from './log-file.ts';
import type { LogLine } from './log-line.ts';
import type { SpanExporter } from './span-exporter.ts';

/** No more of a head is kept for a line; a head may be as long as `router.limits.head`. */
const keptHeadBytes = 65_536;
const keptRefusedBytes = 8192;
const sampledFlag = 1;

/** Where lines of requests go, and which. */
export interface LogPart {
  readonly file: LogFile;
  readonly line: LogLine;
  readonly sample: number;
  readonly wantsResponse: boolean;
}

/** Where spans go, and of which requests without a trace they are made. */
export interface SpanPart {
  readonly exporter: SpanExporter;
  readonly sample: number;
}

/** What happened to a request before it had an account: how it was told of. */
export interface RefusedRequest {
  readonly client: AccountClient;
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly status: number;
  /** Null: it was answered rightly. */
  readonly cause: AccountCause | null;
  /** Its service is that of the recorder. */
  readonly known: boolean;
  readonly detail: string;
  readonly headMs: number;
  readonly heldMs: number;
}

/** Opens the accounts of one side's requests, and has each told when it is closed. */
export class Recorder implements AccountKeeper {
  constructor(
    private readonly place: AccountPlace,
    private readonly told: { -readonly [K in keyof ToldCounters]: number },
    private readonly log: LogPart | null,
    private readonly spans: SpanPart | null,
  ) {}

  /** The account of a request that was read whole and is to go to an instance, or of a connection (`head` null). */
  open(
    client: AccountClient,
    bytes: Uint8Array,
    head: Pick<RequestHead, 'start' | 'end'> | null,
    startedAt: number,
    headMs: number,
    heldMs: number,
  ): Account {
    const kept =
      head === null
        ? bytes.slice(0, 0)
        : bytes.slice(head.start, Math.min(head.end, head.start + keptHeadBytes));
    const { log } = this;
    const account = new Account(
      this,
      this.place,
      client,
      kept,
      Date.now(),
      startedAt,
      headMs,
      heldMs,
      log !== null && (log.sample >= 1 || Math.random() < log.sample),
      log?.wantsResponse ?? false,
    );
    if (head !== null) this.identify(account);
    return account;
  }

  /** A request that goes nowhere: the proxy itself answers it, or closes its connection. */
  refused({ client, bytes, from, to, status, cause, known, detail, headMs, heldMs }: RefusedRequest): void {
    const account = new Account(
      this,
      { ...this.place, service: known ? this.place.service : null, environment: null, release: null },
      client,
      bytes.slice(from, Math.min(to, from + keptRefusedBytes)),
      Date.now() - Math.max(0, heldMs),
      0,
      headMs,
      heldMs,
      true,
      false,
    );
    account.detail = detail === '' ? null : detail;
    account.bytesIn = to - from;
    account.close(Math.max(0, heldMs), cause, status);
  }

  closed(account: Account): void {
    const { log, spans, told } = this;
    if (log !== null && (account.chosen || account.status >= 500 || account.cause !== null)) {
      if (log.file.push(log.line.of(account))) told.lines++;
      else told.linesDropped++;
    }
    if (spans !== null && account.spans !== null) spans.exporter.push(account, told);
  }

  /** Its ids by what came with it; those that are made for it are told by the exchange. */
  private identify(account: Account): void {
    const head = account.text;
    const id = head.field('x-request-id');
    if (id !== null && isRequestId(Buffer.from(id), 0, id.length)) account.requestId = id;
    const named = /(?:^|,)[ \t]*traceparent[ \t]*(?:,|$)/i.test(head.field('connection') ?? '');
    const parent = named ? null : head.field('traceparent');
    const valid = parent !== null && isTraceparent(Buffer.from(parent), 0, parent.length) ? parent : null;
    if (valid !== null) account.traceId = valid.slice(3, 35);
    const { spans } = this;
    if (spans !== null) account.spans = spanIds(valid, head.field('tracestate'), spans.sample);
  }
}

/** Null if no spans are made: the trace that it belongs to says so, or chance if it belongs to none. */
function spanIds(parent: string | null, state: string | null, sample: number): SpanIds | null {
  if (parent === null) {
    if (sample < 1 && Math.random() >= sample) return null;
    return { trace: randomHex(32), parent: null, server: randomHex(16), client: randomHex(16), state: null };
  }
  if ((parseInt(parent.slice(53, 55), 16) & sampledFlag) === 0) return null;
  return {
    trace: parent.slice(3, 35),
    parent: parent.slice(36, 52),
    server: randomHex(16),
    client: randomHex(16),
    state,
  };
}
