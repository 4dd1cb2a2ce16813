import { createHash } from 'node:crypto';
import { ChunkContent } from '../http2/chunk-content.ts';
import { type ReceiveWindow, SendWindow } from '../http2/flow-window.ts';
import { ErrorCode } from '../http2/frame.ts';
import type { HeaderField } from '../http2/header-table.ts';
import { MalformedRequest, type RequestText, trailerText } from '../http2/request-text.ts';
import { responseFields } from '../http2/response-fields.ts';
import { ClientConnection, type ListeningPoint } from './client-connection.ts';
import type { ClientSocket } from './client-socket.ts';
import type { Plane } from './plane.ts';

/** What a stream needs of the connection that it is on. */
export interface StreamOwner {
  readonly address: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly tlsVersion: unknown;
  /** The client has to read, or what it allows for all streams together is used up. */
  readonly room: number;
  readonly blocked: boolean;
  sendHeaders(stream: number, fields: readonly HeaderField[], ends: boolean): void;
  sendData(stream: number, bytes: Uint8Array, from: number, to: number, ends: boolean): void;
  sendReset(stream: number, code: ErrorCode): void;
  /** Tell `stream.go` when more can be sent. */
  wait(stream: Http2Stream): void;
  /** Bytes of a body were used; `update`: the stream's own window is to grow by so much, if not 0. */
  release(stream: number, count: number, update: number): void;
  /** The stream is over; `whole`: the client has all of its response. */
  forget(stream: Http2Stream, whole: boolean): void;
}

const Mode = {
  /** A response head comes next. */
  head: 0,
  /** Content of a length that was said. */
  length: 1,
  chunks: 2,
  /** Content until the end: of a response without a length, or of a tunnel. */
  open: 3,
  /** The client has had END_STREAM: what is still written goes nowhere. */
  ended: 4,
} as const;
type Mode = (typeof Mode)[keyof typeof Mode];

const nothing = new Uint8Array(0);
const most = 0x3fffffff;

/**
 * One stream of a client, as a socket that speaks HTTP/1.1: what its connection reads is the request as text, what it writes is a response
 * that goes out as frames. So all that is done for a request is done in one place, whatever the client speaks.
 */
export class Http2Stream implements ClientSocket {
  readonly client: ClientConnection;
  /** What the client allows on this stream. */
  readonly window: SendWindow;
  /** The client has sent all of its request. */
  requestEnded = false;
  private mode: Mode = Mode.head;
  private over = false;
  private left = 0;
  private chunks: ChunkContent | null = null;
  /** What may be sent in this turn. */
  private turn = most;
  private paused = false;
  /** What has come while it was paused, and what each piece counts in the windows. */
  private readonly kept: { readonly bytes: Uint8Array; readonly flow: number }[] = [];
  private received = 0;
  private tunnelling = false;

  constructor(
    readonly id: number,
    private readonly owner: StreamOwner,
    private readonly text: RequestText,
    private readonly webSocketKey: string,
    private readonly receive: ReceiveWindow,
    initialWindow: number,
    plane: Plane,
    point: ListeningPoint,
  ) {
    this.window = new SendWindow(initialWindow);
    this.client = new ClientConnection(plane, point, this);
    this.client.multiplexed = true;
  }

  // What the connection above hears of the client.

  /** The request begins. */
  begin(ends: boolean): void {
    this.requestEnded = ends;
    this.client.onData(Buffer.from(this.text.head, 'latin1'));
  }
  /** `flow` is what it counts in the windows. False if the client sent more than it was allowed. Throws `MalformedRequest`. */
  onData(bytes: Uint8Array, from: number, to: number, flow: number, ends: boolean): boolean {
    if (!this.receive.take(flow)) return false;
    const { contentLength, chunked, tunnel } = this.text;
    const count = to - from;
    this.received += count;
    if (contentLength !== -1 && (this.received > contentLength || (ends && this.received !== contentLength)))
      throw new MalformedRequest('content that is not as long as content-length says');
    this.requestEnded = ends;
    // Padding is used as soon as it has come.
    if (flow > count) this.used(flow - count);
    if (chunked) {
      if (count > 0 || ends) this.pass(chunk(bytes, from, to, ends ? '0\r\n\r\n' : ''), count);
    } else if (count > 0) this.pass(bytes.subarray(from, to), count);
    if (ends && tunnel) this.pass(nothing, 0);
    return true;
  }
  /** The request ends with trailers. Throws `MalformedRequest`. */
  onTrailers(fields: readonly HeaderField[]): void {
    const text = trailerText(fields);
    const { contentLength, chunked, tunnel } = this.text;
    if (contentLength !== -1 && this.received !== contentLength)
      throw new MalformedRequest('content that is not as long as content-length says');
    this.requestEnded = true;
    // HTTP/1.1 has no place for trailers after content of a known length: they are dropped (RFC 9110 §6.5.1 allows it).
    if (chunked) this.pass(Buffer.from(text, 'latin1'), 0);
    else if (tunnel) this.pass(nothing, 0);
  }
  /** The client gave it up, or its connection is gone. */
  gone(): void {
    if (this.over) return;
    this.leave(false);
    this.client.onClose(false);
  }
  /** More can be sent: at most `turn` bytes now, so that others have their turn. */
  go(turn: number): void {
    this.turn = turn;
    this.client.onDrain();
    this.turn = most;
  }
  /** It has something to send, and its own window would allow it. */
  get ready(): boolean {
    return this.mode === Mode.head || this.window.room > 0;
  }

  /** An empty piece stands for the end of a tunnel's request. */
  private pass(bytes: Uint8Array, flow: number): void {
    if (this.paused || this.kept.length > 0) this.kept.push({ bytes, flow });
    else this.deliver(bytes, flow);
  }
  private deliver(bytes: Uint8Array, flow: number): void {
    if (bytes.length === 0) this.client.onEnd();
    else this.client.onData(bytes);
    if (flow > 0) this.used(flow);
  }
  private used(count: number): void {
    const update = this.receive.release(count);
    this.owner.release(this.id, count, this.requestEnded || this.over ? 0 : update);
  }
  private readonly catchUp = (): void => {
    while (!this.paused && !this.over && this.kept.length > 0) {
      const { bytes, flow } = this.kept.shift()!;
      this.deliver(bytes, flow);
    }
  };

  // What a socket does.

  get remoteAddress(): string {
    return this.owner.address;
  }
  get remotePort(): number {
    return this.owner.remotePort;
  }
  get localAddress(): string {
    return this.owner.localAddress;
  }
  get localPort(): number {
    return this.owner.localPort;
  }
  getTLSVersion(): unknown {
    return this.owner.tlsVersion;
  }
  setKeepAlive(): void {}
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    // As with a socket, what waited comes later: who resumes is in the midst of something.
    if (this.kept.length > 0) queueMicrotask(this.catchUp);
  }

  /** Takes as much as may be sent now; the connection is told by `onDrain` when there is more room. */
  write(bytes: Uint8Array, from: number, length: number): number {
    const to = from + length;
    let at = from;
    while (at < to && !this.over) {
      if (this.mode === Mode.head) {
        const next = this.owner.blocked ? at : this.writeHead(bytes, at, to);
        if (next === at) break;
        at = next;
      } else if (this.mode === Mode.ended) return length;
      else {
        const next = this.writeContent(bytes, at, to);
        if (next === at) break;
        at = next;
      }
    }
    if (this.over) return length;
    if (at < to) this.owner.wait(this);
    return at - from;
  }

  /** Sends END_STREAM, and ends the request as well if it is not whole: its rest is not wanted (RFC 9113 §8.1). */
  shutdown(): void {
    if (this.over) return;
    this.sendEnd();
    if (this.tunnelling) return;
    this.end();
    this.client.onEnd();
  }
  end(): void {
    if (this.over) return;
    const whole = this.mode !== Mode.head && (this.mode === Mode.open || this.mode === Mode.ended);
    if (!whole) return this.terminate();
    this.sendEnd();
    if (!this.requestEnded) this.owner.sendReset(this.id, ErrorCode.none);
    this.leave(true);
  }
  close(): void {
    this.end();
  }
  terminate(): void {
    if (this.over) return;
    this.owner.sendReset(this.id, this.tunnelling ? ErrorCode.cancel : ErrorCode.internal);
    this.leave(false);
  }

  private leave(whole: boolean): void {
    this.over = true;
    this.owner.forget(this, whole);
    // What it has not used is the connection's again.
    for (const { flow } of this.kept.splice(0)) if (flow > 0) this.used(flow);
  }

  private sendEnd(): void {
    if (this.mode !== Mode.open) return;
    this.mode = Mode.ended;
    this.owner.sendData(this.id, nothing, 0, 0, true);
  }

  private writeHead(bytes: Uint8Array, from: number, to: number): number {
    const read = responseFields(bytes, from, to);
    // Heads are written whole.
    if (read === null) throw new Error('a part of a response head was written');
    const { head, end } = read;
    const { tunnel, toHead } = this.text;
    if (head.status === 101) {
      if (head.webSocketAccept !== acceptOf(this.webSocketKey)) {
        this.replace('502');
        this.owner.sendReset(this.id, ErrorCode.none);
        // Whoever writes goes on with what it believes to be a tunnel, and hears then that the client is gone.
        this.leave(false);
        queueMicrotask(() => this.client.onClose(false));
        return to;
      }
      const fields = head.fields.slice(1);
      this.owner.sendHeaders(this.id, [[':status', '200'], ...fields], false);
      this.tunnelling = true;
      this.mode = Mode.open;
      return end;
    }
    if (head.status < 200) {
      this.owner.sendHeaders(this.id, head.fields, false);
      return end;
    }
    // To the client it would mean that the tunnel is there (RFC 9110 §9.3.6).
    if (tunnel && head.status < 300) {
      this.replace('502');
      return end;
    }
    const { status, contentLength } = head;
    const none = toHead || status === 204 || status === 304 || contentLength === 0;
    if (none) this.mode = Mode.ended;
    else if (head.chunked) {
      this.mode = Mode.chunks;
      this.chunks = new ChunkContent();
    } else if (contentLength > 0) {
      this.mode = Mode.length;
      this.left = contentLength;
    } else this.mode = Mode.open;
    this.owner.sendHeaders(this.id, head.fields, none);
    return end;
  }

  /** Another answer than the one that is written, which goes nowhere. */
  private replace(status: string): void {
    this.mode = Mode.ended;
    this.owner.sendHeaders(this.id, [[':status', status]], true);
  }

  private writeContent(bytes: Uint8Array, from: number, to: number): number {
    const { chunks, mode } = this;
    if (mode !== Mode.chunks) {
      const wanted = mode === Mode.length ? Math.min(to - from, this.left) : to - from;
      const count = this.allowed(wanted);
      if (count === 0) return from;
      this.turn -= count;
      this.window.take(count);
      if (mode === Mode.length) this.left -= count;
      const ends = mode === Mode.length && this.left === 0;
      if (ends) this.mode = Mode.ended;
      this.owner.sendData(this.id, bytes, from, from + count, ends);
      return from + count;
    }
    let at = chunks!.seek(bytes, from, to);
    if (chunks!.ahead > 0 && at < to) {
      const count = this.allowed(Math.min(to - at, chunks!.ahead));
      if (count > 0) {
        this.turn -= count;
        this.window.take(count);
        this.owner.sendData(this.id, bytes, at, at + count, false);
        chunks!.took(count);
        at += count;
      }
    } else if (chunks!.done) {
      this.mode = Mode.ended;
      if (chunks!.trailers.length > 0) this.owner.sendHeaders(this.id, chunks!.trailers, true);
      else this.owner.sendData(this.id, nothing, 0, 0, true);
    }
    return at;
  }
  private allowed(wanted: number): number {
    return this.owner.blocked ? 0 : Math.min(wanted, this.turn, this.window.room, this.owner.room);
  }
}

/** RFC 6455 §4.2.2. */
const acceptOf = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

/** A chunk of HTTP/1.1 with `bytes[from, to)` and what follows it. */
function chunk(bytes: Uint8Array, from: number, to: number, after: string): Uint8Array {
  const before = from === to ? '' : `${(to - from).toString(16)}\r\n`;
  const end = from === to ? after : `\r\n${after}`;
  const made = Buffer.allocUnsafe(before.length + (to - from) + end.length);
  made.write(before, 0, 'latin1');
  made.set(bytes.subarray(from, to), before.length);
  made.write(end, before.length + (to - from), 'latin1');
  return made;
}
