import type { Socket } from 'bun';
import { defaultWindow, ReceiveWindow, SendWindow } from '../http2/flow-window.ts';
import { FrameError, type FrameHearer, FrameReader } from '../http2/frame-reader.ts';
import {
  ErrorCode,
  Flag,
  frameHeadBytes,
  FrameType,
  goAwayFrame,
  headersFrames,
  leastMaxFrameBytes,
  frame,
  pingAck,
  preface,
  resetFrame,
  Setting,
  settingsAck,
  settingsFrame,
  windowUpdateFrame,
  writeFrameHead,
} from '../http2/frame.ts';
import { CompressionError, HpackDecoder, HpackEncoder } from '../http2/hpack.ts';
import { Outlet } from '../worker/outlet.ts';
import type { Dialled } from './dialer.ts';
import { InstanceStream, type StreamSession, streamWindowBytes, type StreamUser } from './instance-stream.ts';

/** What all streams of a session together may have on the way to us; it is handed back as it comes. */
const sessionWindowBytes = 1_048_576;
/** Streams at once where the instance allows more, or any number. */
export const mostStreams = 100;
/** As SETTINGS_MAX_HEADER_LIST_SIZE counts. */
const headerListBytes = 65_536;
/** Then another session has to be made. */
const lastStreamId = 2 ** 30;
/** What may wait for an instance that does not read, beyond what requests send: acknowledgements. Then it is flooding us. */
const controlBytes = 65_536;
/** What waits here before streams have to wait. */
const congestedBytes = 131_072;
/** Frames in a row that bring nothing. */
const mostIdleFrames = 2000;
/** How long a silent session is believed in after a stream of it was given up. */
const silentMs = 5000;
/** How long the end of a response that nobody waits for is waited for. */
const unwantedMs = 5000;

/** Who has sessions: told what becomes of each. */
export interface SessionOwner {
  /** Milliseconds, never going back. */
  now(): number;
  /** Streams can be opened, more of them than before. */
  onRoom(session: InstanceSession): void;
  /** It is no more. `why` says what there is to say; null: no more than that. */
  onGone(session: InstanceSession, why: string | null): void;
  onDefect(error: unknown): void;
}

/**
 * One connection to an instance that speaks HTTP/2 (RFC 9113), from our side of it, which is the client's. It is ready when the instance has said its
 * settings: whatever else answers there, speaks something else, and got no request.
 */
export class InstanceSession implements Dialled, StreamSession {
  /** It carries many clients: no header could tell of them. */
  readonly greeting = null;
  readonly scheme: 'http' | 'https';
  ready = false;
  /** It has answered a request. */
  proven = false;
  /** Streams that are open or about to be. */
  private readonly open = new Set<InstanceStream>();
  private readonly byId = new Map<number, InstanceStream>();
  private readonly blocked = new Set<InstanceStream>();
  private nextId = 1;
  private goingAway = false;
  private closed = false;
  private socket: Socket<Dialled> | null = null;
  private connecting: Socket<Dialled> | null = null;
  private readonly outlet = new Outlet();
  private out: Uint8Array[] = [];
  private outBytes = 0;
  private flushing = false;
  private controlWaiting = 0;
  private readonly reader = new FrameReader(this.hearer());
  private readonly decoder = new HpackDecoder(4096, headerListBytes);
  private readonly encoder = new HpackEncoder();
  private readonly sendWindow = new SendWindow();
  private readonly receiveWindow = new ReceiveWindow(sessionWindowBytes);
  private streamWindow = defaultWindow;
  private maxFrameBytes = leastMaxFrameBytes;
  private maxStreams = mostStreams;
  private idleFrames = 0;
  private heardAt: number;
  private idleSince: number;
  /** When it counts as lost, if nothing is heard of it until then; 0: it is not in doubt. */
  private doubtUntil = 0;

  constructor(
    private readonly owner: SessionOwner,
    secure: boolean,
    private readonly readyBy: number,
    private readonly patienceMs: number,
  ) {
    this.scheme = secure ? 'https' : 'http';
    this.heardAt = this.idleSince = owner.now();
  }

  /** How many more streams it takes. */
  get places(): number {
    if (!this.ready || this.goingAway || this.closed || this.doubtUntil > 0) return 0;
    return Math.max(0, this.maxStreams - this.open.size);
  }
  /** How many it takes in all, as far as the instance has said. */
  get capacity(): number {
    return this.maxStreams;
  }
  get idle(): boolean {
    return this.open.size === 0;
  }

  openStream(user: StreamUser): InstanceStream {
    const stream = new InstanceStream(this, user, new SendWindow(this.streamWindow));
    this.open.add(stream);
    return stream;
  }

  /** Takes no more streams, and ends with the last one. */
  retire(): void {
    this.goingAway = true;
    if (this.idle && this.ready) this.end(ErrorCode.none, null);
  }

  /** Ends it now, with what is open on it. */
  destroy(): void {
    this.end(ErrorCode.none, null);
  }

  /** `idleMs`: how long it is kept without a stream. */
  sweep(now: number, idleMs: number): void {
    if (this.closed) return;
    if (!this.ready) {
      if (now >= this.readyBy) this.end(ErrorCode.none, 'it did not begin to speak HTTP/2 in time');
    } else if (this.doubtUntil > 0 && now >= this.doubtUntil)
      this.end(ErrorCode.none, 'it does not answer on a connection');
    else if (this.idle && now - this.idleSince >= idleMs) this.end(ErrorCode.none, null);
    for (const stream of this.byId.values())
      if (stream.unwantedSince > 0 && performance.now() - stream.unwantedSince >= unwantedMs)
        stream.terminate();
  }

  // The connection.

  onConnecting(socket: Socket<Dialled>): void {
    if (this.closed) socket.terminate();
    else this.connecting = socket;
  }
  onOpen(socket: Socket<Dialled>): void {
    this.connecting = null;
    if (this.closed) {
      socket.terminate();
      return;
    }
    this.socket = socket;
    // Found out by the kernel's probes if it vanishes while all is silent.
    socket.setKeepAlive(true, 60_000);
    this.send(preface);
    this.send(
      settingsFrame([
        [Setting.enablePush, 0],
        [Setting.initialWindowSize, streamWindowBytes],
        [Setting.maxHeaderListSize, headerListBytes],
      ]),
    );
    this.send(windowUpdateFrame(0, sessionWindowBytes - defaultWindow));
  }
  onRefused(why: string | null): void {
    this.connecting = null;
    this.lose(why);
  }
  onAlert(why: string): void {
    this.lose(`TLS: ${why}`);
  }
  onDefect(error: unknown): void {
    this.owner.onDefect(error);
  }
  onData(bytes: Uint8Array): void {
    this.read(bytes);
  }
  onDrain(): void {
    if (this.socket === null || this.closed || this.outlet.empty || !this.outlet.flush(this.socket)) return;
    this.controlWaiting = 0;
    this.flush();
    this.pump();
  }
  onEnd(): void {
    // Half of a session is none.
    const { socket } = this;
    this.lose(this.ready ? null : 'it closed the connection instead of speaking HTTP/2');
    socket?.end();
  }
  onClose(): void {
    this.lose(this.ready ? null : 'it closed the connection instead of speaking HTTP/2');
  }

  private read(bytes: Uint8Array): void {
    if (this.closed) return;
    this.heardAt = this.owner.now();
    if (this.doubtUntil > 0) {
      this.doubtUntil = 0;
      this.owner.onRoom(this);
    }
    if (!this.ready && !beginsWithSettings(bytes))
      return this.end(ErrorCode.protocol, 'it does not speak HTTP/2 (no SETTINGS)');
    try {
      this.reader.feed(bytes);
    } catch (error) {
      if (error instanceof FrameError) this.end(error.code, `HTTP/2: ${error.message}`);
      else if (error instanceof CompressionError) this.end(ErrorCode.compression, `HTTP/2: ${error.message}`);
      else throw error;
    }
  }

  // Frames.

  private hearer(): FrameHearer {
    return {
      onData: (id, bytes, from, to, flow, ends) => this.takeData(id, bytes, from, to, flow, ends),
      onHeaders: (id, block, ends) => this.takeHeaders(id, block, ends),
      onReset: (id, code) => this.takeReset(id, code),
      onStreamError: ({ code, stream }) => this.streamOf(stream)?.invalid(code),
      onPriority: () => this.idleFrame(),
      onPing: (opaque) => {
        this.idleFrame();
        this.control(pingAck(opaque));
      },
      onSettingsAck: () => undefined,
      onSettings: (settings) => this.takeSettings(settings),
      onGoAway: (last) => this.takeGoAway(last),
      onWindowUpdate: (id, increment) => this.takeWindowUpdate(id, increment),
    };
  }
  private takeData(
    id: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    flow: number,
    ends: boolean,
  ): void {
    if (!this.receiveWindow.take(flow))
      throw new FrameError(ErrorCode.flowControl, 0, 'more DATA than was allowed');
    if (to === from && !ends) this.idleFrame();
    else this.idleFrames = 0;
    const increment = this.receiveWindow.release(flow);
    if (increment > 0) this.control(windowUpdateFrame(0, increment));
    this.streamOf(id)?.onData(bytes, from, to, flow, ends);
  }
  private takeHeaders(id: number, block: Uint8Array, ends: boolean): void {
    // Whosever it is: the table for those that follow depends on it.
    const decoded = this.decoder.decode(block);
    const stream = this.streamOf(id);
    if (stream === undefined) return this.idleFrame();
    this.idleFrames = 0;
    this.proven = true;
    stream.onHeaders(decoded, ends);
  }
  private takeReset(id: number, code: number): void {
    const stream = this.streamOf(id);
    if (stream === undefined) this.idleFrame();
    else stream.onReset(code);
  }
  private takeSettings(settings: readonly (readonly [identifier: number, value: number])[]): void {
    this.idleFrame();
    for (const [identifier, value] of settings)
      switch (identifier) {
        case Setting.headerTableSize:
          this.encoder.allow(value);
          break;
        case Setting.maxConcurrentStreams:
          this.maxStreams = Math.min(mostStreams, value);
          break;
        case Setting.initialWindowSize:
          for (const stream of this.open)
            if (!stream.sendWindow.grow(value - this.streamWindow))
              throw new FrameError(ErrorCode.flowControl, 0, 'a window beyond 2^31-1');
          this.streamWindow = value;
          break;
        case Setting.maxFrameSize:
          // Larger ones would only make others wait for longer.
          this.maxFrameBytes = Math.min(value, 65_536);
          break;
        default:
      }
    this.control(settingsAck());
    this.ready = true;
    if (this.goingAway && this.idle) return this.end(ErrorCode.none, null);
    this.owner.onRoom(this);
    this.pump();
  }
  private takeGoAway(last: number): void {
    this.goingAway = true;
    // A copy: what is told goes on to other sessions, and may end this one.
    for (const [id, stream] of [...this.byId]) if (id > last) stream.onUnprocessed();
    if (this.idle) this.end(ErrorCode.none, null);
  }
  private takeWindowUpdate(id: number, increment: number): void {
    this.idleFrame();
    if (id === 0) {
      if (!this.sendWindow.grow(increment))
        throw new FrameError(ErrorCode.flowControl, 0, 'a window beyond 2^31-1');
    } else {
      const stream = this.streamOf(id);
      if (stream?.sendWindow.grow(increment) === false) return stream.invalid(ErrorCode.flowControl);
    }
    this.pump();
  }

  private streamOf(id: number): InstanceStream | undefined {
    const stream = this.byId.get(id);
    if (stream !== undefined) return stream;
    // One that we have not opened; one that is over may still be on its way.
    if (id % 2 === 0 || id >= this.nextId)
      throw new FrameError(ErrorCode.protocol, 0, `stream ${id} was never opened`);
    return undefined;
  }

  private idleFrame(): void {
    if (++this.idleFrames > mostIdleFrames)
      throw new FrameError(ErrorCode.enhanceYourCalm, 0, 'too many frames that bring nothing');
  }

  // What streams do.

  get room(): number {
    if (this.closed || !this.outlet.empty || this.outBytes > congestedBytes) return 0;
    return this.sendWindow.room;
  }
  sendHeaders(stream: InstanceStream, fields: readonly (readonly [string, string])[], ends: boolean): void {
    if (this.closed) return;
    if (stream.id === 0) {
      stream.id = this.nextId;
      this.nextId += 2;
      if (this.nextId > lastStreamId) this.goingAway = true;
      this.byId.set(stream.id, stream);
    }
    for (const part of headersFrames(stream.id, this.encoder.encode(fields), ends, this.maxFrameBytes))
      this.send(part);
  }
  sendData(stream: InstanceStream, bytes: Uint8Array, from: number, to: number, ends: boolean): void {
    if (this.closed) return;
    const count = to - from;
    this.idleFrames = 0;
    this.sendWindow.take(count);
    stream.sendWindow.take(count);
    let at = from;
    do {
      const end = Math.min(to, at + this.maxFrameBytes);
      const data = new Uint8Array(frameHeadBytes + end - at);
      writeFrameHead(data, 0, end - at, FrameType.data, ends && end === to ? Flag.endStream : 0, stream.id);
      data.set(bytes.subarray(at, end), frameHeadBytes);
      this.send(data);
      at = end;
    } while (at < to);
  }
  sendReset(stream: InstanceStream, code: ErrorCode): void {
    if (this.closed) return;
    this.send(resetFrame(stream.id, code));
    const now = this.owner.now();
    if (this.doubtUntil > 0 || now - this.heardAt < silentMs) return;
    // It may be that nobody is there any more. Asked once: a gRPC server takes many pings for an attack.
    this.doubtUntil = now + this.patienceMs;
    this.send(frame(FrameType.ping, 0, 0, new Uint8Array(8)));
  }
  sendWindowUpdate(stream: InstanceStream, increment: number): void {
    this.control(windowUpdateFrame(stream.id, increment));
  }
  waitForRoom(stream: InstanceStream): void {
    this.blocked.add(stream);
    // It had its turn; there is room still.
    if (this.room > 0 && stream.sendWindow.room > 0) this.flushSoon();
  }
  release(stream: InstanceStream): void {
    this.open.delete(stream);
    this.blocked.delete(stream);
    this.byId.delete(stream.id);
    if (this.closed) return;
    if (this.open.size === 0) {
      this.idleSince = this.owner.now();
      if (this.goingAway) return this.end(ErrorCode.none, null);
    }
    if (this.places > 0) this.owner.onRoom(this);
  }

  /** Lets the streams that have something to send have their turns. */
  private pump(): void {
    for (const stream of [...this.blocked]) {
      if (this.room === 0) return;
      if (!this.blocked.has(stream)) continue;
      this.blocked.delete(stream);
      stream.onRoom();
    }
  }

  // Bytes.

  private control(bytes: Uint8Array): void {
    if (!this.outlet.empty) {
      this.controlWaiting += bytes.length;
      if (this.controlWaiting > controlBytes)
        return this.end(ErrorCode.enhanceYourCalm, 'HTTP/2: it asks for answers that it does not read');
    }
    this.send(bytes);
  }

  /** Sent at the end of this turn of the event loop, with all else that comes up in it. */
  private send(bytes: Uint8Array): void {
    if (this.closed) return;
    this.out.push(bytes);
    this.outBytes += bytes.length;
    this.flushSoon();
  }
  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    queueMicrotask(() => {
      this.flushing = false;
      if (this.closed) return;
      this.flush();
      this.pump();
    });
  }
  private flush(): void {
    const { socket, out } = this;
    if (socket === null || out.length === 0) return;
    const bytes = out.length === 1 ? out[0]! : Buffer.concat(out, this.outBytes);
    this.out = [];
    this.outBytes = 0;
    this.outlet.write(socket, bytes, 0, bytes.length, true);
  }

  /** Ends the session from our side. */
  private end(code: ErrorCode, why: string | null): void {
    if (this.closed) return;
    if (this.socket !== null) {
      this.send(goAwayFrame(0, code));
      this.flush();
    }
    const { socket, connecting } = this;
    this.lose(why);
    connecting?.terminate();
    if (code === ErrorCode.none) socket?.end();
    else socket?.terminate();
  }

  /** It is gone, whoever ended it. */
  private lose(why: string | null): void {
    if (this.closed) return;
    this.closed = true;
    this.socket = this.connecting = null;
    this.out = [];
    this.outlet.clear();
    const open = [...this.open];
    this.open.clear();
    this.byId.clear();
    this.blocked.clear();
    this.owner.onGone(this, why);
    for (const stream of open) stream.onLost();
  }
}

/** Whether the first bytes of an instance are, or could become, the SETTINGS frame that it has to begin with (§3.4). */
function beginsWithSettings(bytes: Uint8Array): boolean {
  // A frame of settings is short, is of type 4, and of no stream.
  if (bytes.length > 0 && bytes[0] !== 0) return false;
  return bytes.length < 4 || bytes[3] === FrameType.settings;
}
