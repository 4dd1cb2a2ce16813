import { randomBytes } from 'node:crypto';
import { controlBudget, resetBudget } from '../http2/budget.ts';
import { ClosedStreams, Ending } from '../http2/closed-streams.ts';
import { ReceiveWindow } from '../http2/flow-window.ts';
import {
  ErrorCode,
  goAwayFrame,
  headersFrames,
  mostWindow,
  pingAck,
  pingFrame,
  preface,
  resetFrame,
  Setting,
  settingsAck,
  settingsFrame,
  windowUpdateFrame,
} from '../http2/frame.ts';
import { FrameError, type FrameHearer, frameLimits, FrameReader } from '../http2/frame-reader.ts';
import type { HeaderField } from '../http2/header-table.ts';
import { CompressionError, HpackDecoder, HpackEncoder } from '../http2/hpack.ts';
import { MalformedRequest, requestText } from '../http2/request-text.ts';
import type { ClientConnection, ClientUser } from './client-connection.ts';
import { Http2Output } from './http2-output.ts';
import { Http2Stream, type StreamOwner } from './http2-stream.ts';

/** Requests of one client at a time, as it is told; one more is refused, and may be sent again (RFC 9113 §5.1.2). */
export const concurrentStreams = 100;
/** Of a request body that may come before an instance has taken any of it. */
const streamWindow = 262_144;
/** The same for all streams of a connection together: the most of request bodies that one connection can make us keep. */
const connectionWindow = 1_048_576;
const headerTableBytes = 4096;
/** What a stream may send before the next one has its turn, when the client is the slow one. */
const turnBytes = 16_384;
/** What a request and a frame of content give back to the budget of frames without content. */
const earnedByRequest = 20;
const earnedByData = 4;

const malformedHeaders: readonly HeaderField[] = [];

/** The frames of one client: reads them, keeps the rules of RFC 9113 for the connection and for the states of streams, and ends it in order. */
export class Http2Connection implements ClientUser, FrameHearer, StreamOwner {
  private readonly reader: FrameReader;
  private readonly decoder: HpackDecoder;
  private readonly encoder = new HpackEncoder();
  private readonly output: Http2Output;
  private readonly receive = new ReceiveWindow(connectionWindow);
  private readonly streams = new Map<number, Http2Stream>();
  private readonly closed = new ClosedStreams();
  /** Streams that have something to send and could not. */
  private readonly waiting = new Set<Http2Stream>();
  private readonly control = controlBudget();
  private readonly resets = resetBudget();
  /** Octets of the preface that have come. */
  private prefaced = 0;
  /** The client's first frame, its SETTINGS, has come. */
  private greeted = false;
  /** Our SETTINGS were acknowledged. */
  private acknowledged = false;
  /** The highest stream that the client began. */
  private last = 0;
  private initialWindow = 65_535;
  private over = false;
  /** Windows or the socket have more room than when the waiting streams were asked last. */
  private roomier = false;
  private turning = false;
  /** When the first GOAWAY of a connection that ends in order was sent; 0: it does not end. */
  private leavingSince = 0;
  /** The last stream that is still served; beyond it nothing is. */
  private lastServed = mostWindow;
  private readonly since: number;
  private idleSince: number;
  /** When the header block began that is not whole; 0: none. */
  private blockSince = 0;
  /** When the client began not to take what was sent, and what it had taken then. */
  private blockedSince = 0;
  private takenThen = 0;

  constructor(private readonly client: ClientConnection) {
    const { plane, point } = client;
    const { headBytes, fields } = point.limits.requestHead;
    // The size of a list counts 32 for each field beyond its octets (RFC 9113 §6.5.2).
    const listBytes = headBytes + 32 * fields;
    this.reader = new FrameReader(this, {
      ...frameLimits,
      blockBytes: Math.max(frameLimits.blockBytes, headBytes),
    });
    this.decoder = new HpackDecoder(headerTableBytes, listBytes);
    this.output = new Http2Output(client, () => this.cutOff());
    this.since = this.idleSince = plane.tick();
    client.deadline = client.until = 0;
    client.keepAlive();
    plane.multiplexed.add(this);
    this.output.control(
      settingsFrame([
        [Setting.maxConcurrentStreams, concurrentStreams],
        [Setting.initialWindowSize, streamWindow],
        [Setting.maxHeaderListSize, listBytes],
        [Setting.enableConnectProtocol, 1],
      ]),
    );
    this.output.control(windowUpdateFrame(0, connectionWindow - 65_535));
  }

  // What the client sends.

  onClientData(bytes: Uint8Array): void {
    if (this.over) return;
    this.client.plane.tick();
    const from = this.readPreface(bytes);
    if (from < 0) return this.fail(new FrameError(ErrorCode.protocol, 0, 'no preface'));
    try {
      if (from < bytes.length) this.reader.feed(from === 0 ? bytes : bytes.subarray(from));
    } catch (error) {
      if (error instanceof FrameError) return this.fail(error);
      if (error instanceof CompressionError)
        return this.fail(new FrameError(ErrorCode.compression, 0, error.message));
      throw error;
    }
    if (!this.reader.withinBlock) this.blockSince = 0;
    else if (this.blockSince === 0) this.blockSince = this.client.plane.coarse;
    if (this.roomier) this.giveTurns();
    this.output.flush();
  }

  /** Returns where frames begin in `bytes`; -1 if it is no client of HTTP/2. */
  private readPreface(bytes: Uint8Array): number {
    let at = 0;
    while (this.prefaced < preface.length && at < bytes.length)
      if (bytes[at++] !== preface[this.prefaced++]) return -1;
    return at;
  }

  /** Each frame passes here first. `cost` is for one that brings nothing. */
  private heard(cost: number): boolean {
    if (this.over) return false;
    if (!this.greeted) throw new FrameError(ErrorCode.protocol, 0, 'another first frame than SETTINGS');
    if (cost > 0 && !this.control.spend(cost, this.client.plane.coarse))
      throw new FrameError(ErrorCode.enhanceYourCalm, 0, 'too many frames that bring nothing');
    return true;
  }
  /** A frame of a stream that was never begun is an error of the connection (§5.1). */
  private begun(stream: number, what: string): void {
    if (stream > this.last || stream % 2 === 0)
      throw new FrameError(ErrorCode.protocol, 0, `${what} of a stream that was not begun`);
  }

  onHeaders(id: number, block: Uint8Array, ends: boolean): void {
    if (!this.heard(block.length === 0 ? 1 : 0)) return;
    // Whatever becomes of it: the next block is read with the table that this one leaves.
    const { fields, tooLarge } = this.decoder.decode(block);
    const stream = this.streams.get(id);
    if (stream !== undefined) return this.trailers(stream, tooLarge ? malformedHeaders : fields, ends);
    if (id <= this.last) return this.lateHeaders(id);
    if (id % 2 === 0) throw new FrameError(ErrorCode.protocol, 0, 'a stream with an even number');
    this.last = id;
    // It was told that this one is not served; it will ask elsewhere.
    if (id > this.lastServed) return this.closed.add(id, Ending.ours);
    if (this.streams.size >= concurrentStreams) return this.reset(id, ErrorCode.refusedStream);
    this.control.earn(earnedByRequest);
    this.begin(id, fields, tooLarge, ends);
  }

  private begin(id: number, fields: readonly HeaderField[], tooLarge: boolean, ends: boolean): void {
    const { plane, point } = this.client;
    let key = '';
    try {
      const text = tooLarge
        ? { head: '', contentLength: -1, chunked: false, toHead: false, tunnel: false }
        : requestText(fields, ends, () => (key = randomBytes(16).toString('base64')));
      const receive = new ReceiveWindow(streamWindow);
      const stream = new Http2Stream(id, this, text, key, receive, this.initialWindow, plane, point);
      this.streams.set(id, stream);
      if (tooLarge) {
        stream.requestEnded = ends;
        stream.client.refuse(431, 'head too large');
      } else stream.begin(ends);
    } catch (error) {
      if (!(error instanceof MalformedRequest)) throw error;
      this.reset(id, ErrorCode.protocol);
    }
  }

  private trailers(stream: Http2Stream, fields: readonly HeaderField[], ends: boolean): void {
    if (stream.requestEnded) return this.breakOff(stream, ErrorCode.streamClosed);
    if (!ends) return this.breakOff(stream, ErrorCode.protocol);
    this.told(stream, () => stream.onTrailers(fields));
  }

  private lateHeaders(id: number): void {
    switch (this.closed.of(id)) {
      case Ending.ours:
        return;
      case Ending.theirs:
        return this.reset(id, ErrorCode.streamClosed);
      case Ending.whole:
        throw new FrameError(ErrorCode.streamClosed, 0, 'HEADERS of a stream that is over');
      default:
        throw new FrameError(ErrorCode.protocol, 0, 'a stream with a lower number than the last');
    }
  }

  onData(id: number, bytes: Uint8Array, from: number, to: number, flow: number, ends: boolean): void {
    if (!this.heard(from === to && !ends ? 1 : 0)) return;
    this.begun(id, 'DATA');
    if (!this.receive.take(flow))
      throw new FrameError(ErrorCode.flowControl, 0, 'more than the window of the connection');
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.release(id, flow, 0);
      const ending = this.closed.of(id);
      if (ending === Ending.whole)
        throw new FrameError(ErrorCode.streamClosed, 0, 'DATA of a stream that is over');
      if (ending === Ending.theirs) this.reset(id, ErrorCode.streamClosed);
      return;
    }
    if (stream.requestEnded) {
      this.release(id, flow, 0);
      return this.breakOff(stream, ErrorCode.streamClosed);
    }
    this.told(stream, () => {
      if (!stream.onData(bytes, from, to, flow, ends)) {
        this.release(id, flow, 0);
        this.breakOff(stream, ErrorCode.flowControl);
      }
    });
  }

  /** What a stream does with what it is told; a rule that is broken ends it. */
  private told(stream: Http2Stream, hear: () => void): void {
    try {
      hear();
    } catch (error) {
      if (!(error instanceof MalformedRequest)) throw error;
      this.breakOff(stream, ErrorCode.protocol);
    }
  }

  onPriority(): void {
    this.heard(1);
  }
  onUnknown(): void {
    this.heard(1);
  }
  onPing(opaque: Uint8Array): void {
    if (this.heard(1)) this.output.control(pingAck(opaque));
  }
  onPingAck(): void {
    if (!this.heard(1)) return;
    // The client has read the first GOAWAY: what it sends from now on it sends in spite of it.
    if (this.leavingSince !== 0) this.leaveForGood();
  }
  onGoAway(): void {
    this.heard(1);
  }
  onReset(id: number): void {
    if (!this.heard(1)) return;
    this.begun(id, 'RST_STREAM');
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    this.closed.add(id, Ending.theirs);
    stream.gone();
    this.spendReset();
  }
  private spendReset(): void {
    if (!this.resets.spend(1, this.client.plane.coarse))
      throw new FrameError(ErrorCode.enhanceYourCalm, 0, 'too many requests given up');
  }

  onSettings(settings: readonly (readonly [identifier: number, value: number])[]): void {
    this.greeted = true;
    if (!this.heard(1 + (settings.length >>> 3))) return;
    for (const [identifier, value] of settings)
      if (identifier === Setting.initialWindowSize) this.resizeWindows(value);
      else if (identifier === Setting.headerTableSize) this.encoder.allow(value);
    this.output.control(settingsAck());
  }
  private resizeWindows(value: number): void {
    const difference = value - this.initialWindow;
    this.initialWindow = value;
    for (const { window } of this.streams.values())
      if (!window.grow(difference))
        throw new FrameError(ErrorCode.flowControl, 0, 'a setting that overflows a window');
    this.roomier = true;
  }
  onSettingsAck(): void {
    if (this.heard(1)) this.acknowledged = true;
  }

  onWindowUpdate(id: number, increment: number): void {
    if (!this.heard(1)) return;
    if (id === 0) {
      if (!this.output.window.grow(increment))
        throw new FrameError(ErrorCode.flowControl, 0, 'a window of the connection that overflows');
      this.roomier = true;
      return;
    }
    this.begun(id, 'WINDOW_UPDATE');
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    if (stream.window.grow(increment)) this.roomier = true;
    else this.breakOff(stream, ErrorCode.flowControl);
  }

  onStreamError(error: FrameError): void {
    if (!this.heard(1)) return;
    const stream = this.streams.get(error.stream);
    if (stream !== undefined) this.breakOff(stream, error.code);
    else if (error.stream > this.last) throw new FrameError(error.code, 0, error.message);
    else if (this.closed.of(error.stream) !== Ending.ours) this.reset(error.stream, error.code);
  }

  /** Ends a stream that is under way, because of the client. */
  private breakOff(stream: Http2Stream, code: ErrorCode): void {
    this.closed.add(stream.id, Ending.ours);
    stream.gone();
    this.reset(stream.id, code);
  }
  /** Ends a stream that nothing is under way on. That we do so does not make it cheaper for the client (CVE-2025-8671). */
  private reset(id: number, code: ErrorCode): void {
    this.sendReset(id, code);
    this.spendReset();
  }

  // What streams need.

  get address(): string {
    return this.client.remoteAddress;
  }
  get remotePort(): number {
    return this.client.remotePort;
  }
  get localAddress(): string {
    return this.client.localAddress;
  }
  get localPort(): number {
    return this.client.localPort;
  }
  get tlsVersion(): unknown {
    return this.client.tlsVersion;
  }
  get blocked(): boolean {
    return this.output.blocked;
  }
  get room(): number {
    return this.output.window.room;
  }
  sendHeaders(id: number, fields: readonly HeaderField[], ends: boolean): void {
    this.output.headers(headersFrames(id, this.encoder.encode(fields), ends));
  }
  sendData(id: number, bytes: Uint8Array, from: number, to: number, ends: boolean): void {
    this.control.earn(earnedByData);
    this.output.data(id, bytes, from, to, ends);
  }
  sendReset(id: number, code: ErrorCode): void {
    this.closed.add(id, Ending.ours);
    this.output.control(resetFrame(id, code));
  }
  wait(stream: Http2Stream): void {
    this.waiting.add(stream);
  }
  release(id: number, count: number, update: number): void {
    if (this.over) return;
    const whole = this.receive.release(count);
    if (whole > 0) this.output.control(windowUpdateFrame(0, whole));
    if (update > 0) this.output.control(windowUpdateFrame(id, update));
  }
  forget(stream: Http2Stream, whole: boolean): void {
    const { id } = stream;
    this.streams.delete(id);
    this.waiting.delete(stream);
    if (this.closed.of(id) === undefined) this.closed.add(id, whole ? Ending.whole : Ending.ours);
    if (whole) this.resets.earn(1);
    if (this.streams.size > 0 || this.over) return;
    this.idleSince = this.client.plane.coarse;
    if (this.lastServed !== mostWindow || this.client.ended) this.conclude();
  }

  /** Lets the waiting streams send, one after the other, as long as there is room. */
  private giveTurns(): void {
    this.roomier = false;
    if (this.turning) return;
    this.turning = true;
    for (let progress = true; progress && !this.over;) {
      progress = false;
      for (const stream of [...this.waiting]) {
        if (this.output.blocked || this.over) break;
        if (!this.waiting.has(stream) || !stream.ready) continue;
        this.waiting.delete(stream);
        const before = this.output.window.room;
        stream.go(turnBytes);
        progress ||= !this.waiting.has(stream) || this.output.window.room < before;
      }
    }
    this.turning = false;
  }

  // How it ends.

  /** In order, in two steps (§6.8): first the client learns that no more is wanted, and a round trip later which requests were the last. */
  leave(): void {
    if (this.over || this.leavingSince !== 0) return;
    this.leavingSince = this.client.plane.coarse;
    this.output.control(goAwayFrame(mostWindow, ErrorCode.none));
    this.output.control(pingFrame(new Uint8Array(8)));
    this.output.flush();
  }
  private leaveForGood(): void {
    if (this.over || this.lastServed !== mostWindow) return;
    this.lastServed = this.last;
    this.output.control(goAwayFrame(this.last, ErrorCode.none));
    if (this.streams.size === 0) this.conclude();
    else this.output.flush();
  }
  private conclude(): void {
    this.quit();
    this.client.finish(true);
  }
  /** The client broke a rule of the connection: it is told which, and all its requests end. */
  private fail(error: FrameError): void {
    if (this.over) return;
    this.output.control(goAwayFrame(this.last, error.code));
    this.conclude();
  }
  /** The client does not read: what we would say would wait for ever. */
  private cutOff(): void {
    if (this.over) return;
    this.quit();
    this.client.terminate();
  }
  /** Nothing of it goes on; what was sent waits in the connection. */
  private quit(): void {
    this.over = true;
    this.client.plane.multiplexed.delete(this);
    this.output.last();
    for (const stream of [...this.streams.values()]) stream.gone();
  }

  onClientDrain(): void {
    this.output.drained();
    this.giveTurns();
    this.output.flush();
  }
  onClientEnd(): void {
    // A client that sends no more cannot open windows either; what fits into them is still sent.
    for (const stream of [...this.streams.values()]) if (!stream.requestEnded) stream.gone();
    if (this.streams.size === 0) this.conclude();
  }
  onClientGone(): void {
    this.quit();
  }
  onDeadline(): void {}
  onOverdue(): void {}
  /** Its streams are connections of their own, each on its side. */
  readonly side = null;
  readonly begunAt = 0;
  readonly lasting = true;
  onEvict(): void {}
  onCut(): void {
    for (const stream of [...this.streams.values()]) stream.client.cut();
    if (this.over) return;
    this.output.control(goAwayFrame(this.last, ErrorCode.none));
    this.conclude();
  }

  /** Looked at now and then. */
  sweep(now: number): void {
    const { plane, point } = this.client;
    const { limits } = point;
    if (!this.greeted || this.blockSince !== 0) {
      if (now - (this.greeted ? this.blockSince : this.since) >= limits.headMs)
        return this.fail(new FrameError(ErrorCode.protocol, 0, 'a head that takes too long'));
    } else if (!this.acknowledged && now - this.since >= limits.headMs)
      return this.fail(new FrameError(ErrorCode.settingsTimeout, 0, 'SETTINGS not acknowledged'));
    if (this.unread(now, limits.bodyIdleMs)) return this.cutOff();
    if (this.leavingSince !== 0) {
      if (now - this.leavingSince >= plane.limits.drainIdleMs) this.leaveForGood();
    } else if (plane.draining || (this.streams.size === 0 && now - this.idleSince >= limits.idleMs))
      this.leave();
  }

  /** The client has not taken anything of what was sent for so long. */
  private unread(now: number, mostMs: number): boolean {
    if (!this.output.blocked) {
      this.blockedSince = 0;
      return false;
    }
    const { taken } = this.client.outlet;
    if (this.blockedSince === 0 || taken !== this.takenThen) {
      this.blockedSince = now;
      this.takenThen = taken;
      return false;
    }
    return now - this.blockedSince >= mostMs;
  }
}
