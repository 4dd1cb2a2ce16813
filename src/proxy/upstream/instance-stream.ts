import { ChunkContent } from '../http2/chunk-content.ts';
import { ReceiveWindow, type SendWindow } from '../http2/flow-window.ts';
import { ErrorCode } from '../http2/frame.ts';
import type { DecodedBlock } from '../http2/hpack.ts';
import { requestFields } from '../http2/request-fields.ts';
import { MalformedResponse, type ResponseBody, responseText, trailerText } from '../http2/response-text.ts';

/** What one stream may hold of a response whose client is slow; the instance is told. */
export const streamWindowBytes = 262_144;
/** What one stream sends before others have their turn. */
const turnBytes = 65_536;
const mostInterim = 32;

/** Who has a stream: an upstream connection, which takes it for one that speaks HTTP/1.1. */
export interface StreamUser {
  /** The session has answered before this stream, so that it may have been closed at the other end since; false once the instance has said otherwise. */
  reused: boolean;
  onData(bytes: Uint8Array): void;
  onDrain(): void;
  /** The stream is over before its response was whole. */
  onClose(clean: boolean): void;
  /** The instance has not looked at the request and will not: it may be sent again, whatever it is (RFC 9113 §8.7). */
  onUnprocessed(): void;
  /** What the instance says is no response. */
  onInvalid(): void;
}

/** What a stream does on its session. */
export interface StreamSession {
  readonly scheme: 'http' | 'https';
  /** How much may be sent now on all streams together. */
  readonly room: number;
  sendHeaders(stream: InstanceStream, fields: readonly (readonly [string, string])[], ends: boolean): void;
  /** Sends content; the caller has asked for room, here and on the stream. */
  sendData(stream: InstanceStream, bytes: Uint8Array, from: number, to: number, ends: boolean): void;
  sendReset(stream: InstanceStream, code: ErrorCode): void;
  sendWindowUpdate(stream: InstanceStream, increment: number): void;
  /** The stream has more to send; its user's `onDrain` is called when there may be room. */
  waitForRoom(stream: InstanceStream): void;
  /** Both sides have ended, or one has ended both. */
  release(stream: InstanceStream): void;
}

/**
 * One request and its response on a session, for a user who writes a request and reads a response of HTTP/1.1. What is written is translated to
 * frames as far as the windows of the instance allow; what comes is translated back as it comes.
 */
export class InstanceStream {
  /** 0 until the head of its request was sent. */
  id = 0;
  readonly receiveWindow = new ReceiveWindow(streamWindowBytes);
  /** When nobody was left who wanted its response; 0: someone is. */
  unwantedSince = 0;
  private localEnded = false;
  private remoteEnded = false;
  private over = false;
  // The request.
  private toHead = false;
  private chunks: ChunkContent | null = null;
  private left = 0;
  // The response.
  private headSeen = false;
  private interim = 0;
  private body: ResponseBody = 'none';
  private bodyLeft = 0;
  private held = false;
  private heldBytes = 0;

  constructor(
    private readonly session: StreamSession,
    private user: StreamUser | null,
    readonly sendWindow: SendWindow,
  ) {}

  // What the user does with it, as with a socket.

  /** Returns how many of the bytes were taken; -1 if the stream is over. The head of a request has to come in one piece. */
  write(bytes: Uint8Array, from: number, length: number): number {
    if (this.over || this.localEnded) return -1;
    const to = from + length;
    let at = from;
    if (this.id === 0) at = this.writeHead(bytes, from, to);
    let turn = turnBytes;
    while (at < to && !this.localEnded && turn > 0) {
      const room = Math.min(this.session.room, this.sendWindow.room, turn);
      const next =
        this.chunks === null ? this.writeLength(bytes, at, to, room) : this.writeChunks(bytes, at, to, room);
      if (next === at) break;
      turn -= next - at;
      at = next;
    }
    if (at < to && !this.localEnded) this.session.waitForRoom(this);
    return at - from;
  }
  pause(): void {
    this.held = true;
  }
  resume(): void {
    if (!this.held) return;
    this.held = false;
    const bytes = this.heldBytes;
    this.heldBytes = 0;
    this.credit(bytes);
  }
  /** Nobody wants more of the response; it is let come to its end if that is all that is missing. */
  end(): void {
    this.user = null;
    if (this.over) return;
    if (this.id === 0) return this.leave();
    if (this.localEnded && this.headSeen && this.unwantedSince === 0) this.unwantedSince = performance.now();
    else this.reset(ErrorCode.cancel);
  }
  terminate(): void {
    this.user = null;
    if (this.over) return;
    if (this.id === 0) return this.leave();
    this.reset(ErrorCode.cancel);
  }
  /** There is no half of it to end: a request ends where its framing says. */
  shutdown(): void {}
  /** Probes are for the connection below. */
  setKeepAlive(): void {}

  // What the session tells it.

  /** A header block has come. */
  onHeaders({ fields, tooLarge }: DecodedBlock, ends: boolean): void {
    if (this.over) return;
    if (this.unwantedSince > 0) return this.unwanted(ends, 0);
    if (tooLarge) return this.invalid(ErrorCode.enhanceYourCalm);
    try {
      if (this.headSeen) this.takeTrailers(fields, ends);
      else this.takeHead(fields, ends);
    } catch (error) {
      if (!(error instanceof MalformedResponse)) throw error;
      this.invalid(ErrorCode.protocol);
    }
  }

  /** Content has come. `flow` is what counts for the window. */
  onData(bytes: Uint8Array, from: number, to: number, flow: number, ends: boolean): void {
    if (this.over) return;
    if (this.unwantedSince > 0) return this.unwanted(ends, to - from);
    if (!this.receiveWindow.take(flow)) return this.invalid(ErrorCode.flowControl);
    if (!this.headSeen || (this.body === 'none' && to > from)) return this.invalid(ErrorCode.protocol);
    if (this.body === 'length') {
      this.bodyLeft -= to - from;
      if (this.bodyLeft < 0 || (ends && this.bodyLeft > 0)) return this.invalid(ErrorCode.protocol);
    }
    if (ends) this.remoteEnded = true;
    // Before the credit: who cannot take it holds the stream, and then none is given.
    if (this.body === 'length') {
      if (to > from) this.tell(bytes.subarray(from, to));
    } else if (this.body === 'chunked' && (to > from || ends)) this.tell(chunkOf(bytes, from, to, ends));
    if (this.held) this.heldBytes += flow;
    else this.credit(flow);
    this.settle();
  }

  onReset(code: number): void {
    if (this.over) return;
    const { user } = this;
    const fresh = !this.headSeen && this.interim === 0;
    this.leave();
    if (code === ErrorCode.refusedStream && fresh) user?.onUnprocessed();
    else if (user !== null) {
      user.reused = false;
      user.onClose(false);
    }
  }

  /** The instance goes, and has not looked at this one. */
  onUnprocessed(): void {
    if (this.over) return;
    const { user } = this;
    this.leave();
    user?.onUnprocessed();
  }

  /** The session is gone. */
  onLost(): void {
    if (this.over) return;
    this.over = true;
    const { user } = this;
    this.user = null;
    user?.onClose(false);
  }

  onRoom(): void {
    if (!this.over) this.user?.onDrain();
  }

  /** Ends it from our side, because of what the instance did. */
  invalid(code: ErrorCode): void {
    if (this.over) return;
    const { user } = this;
    this.reset(code);
    user?.onInvalid();
  }

  private writeHead(bytes: Uint8Array, from: number, to: number): number {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from);
    const end = view.indexOf('\r\n\r\n', 0, 'latin1');
    const head = requestFields(view.toString('latin1', 0, end), this.session.scheme);
    this.toHead = head.toHead;
    this.left = head.length;
    if (head.body === 'chunked') this.chunks = new ChunkContent();
    this.localEnded = head.body === 'none';
    this.session.sendHeaders(this, head.fields, this.localEnded);
    return from + end + 4;
  }

  private writeLength(bytes: Uint8Array, at: number, to: number, room: number): number {
    const end = Math.min(to, at + this.left, at + room);
    if (end === at) return at;
    this.left -= end - at;
    this.localEnded = this.left === 0;
    this.session.sendData(this, bytes, at, end, this.localEnded);
    return end;
  }

  private writeChunks(bytes: Uint8Array, at: number, to: number, room: number): number {
    const chunks = this.chunks!;
    const from = chunks.seek(bytes, at, to);
    const end = from + Math.min(chunks.ahead, to - from, room);
    let next = end;
    if (end > from) {
      chunks.took(end - from);
      // What follows may be the end of the body, which then goes along with the content.
      next = chunks.seek(bytes, end, to);
    }
    const bare = chunks.done && chunks.trailers.length === 0;
    if (end > from || bare) this.session.sendData(this, bytes, from, end, bare);
    if (chunks.done) {
      this.localEnded = true;
      if (!bare) this.session.sendHeaders(this, chunks.trailers, true);
    }
    return next;
  }

  private takeHead(fields: readonly (readonly [string, string])[], ends: boolean): void {
    const head = responseText(fields, ends, this.toHead);
    if (head.status < 200) {
      if (++this.interim > mostInterim) throw new MalformedResponse('too many interim responses');
      this.tell(latin1(head.text));
      return;
    }
    this.headSeen = true;
    this.body = head.body;
    this.bodyLeft = head.length;
    this.remoteEnded = ends;
    this.tell(latin1(head.text));
    this.settle();
  }

  private takeTrailers(fields: readonly (readonly [string, string])[], ends: boolean): void {
    if (!ends) throw new MalformedResponse('trailers that are not the end');
    if (this.body === 'length' && this.bodyLeft > 0)
      throw new MalformedResponse('a body that is shorter than its content-length');
    const text = trailerText(fields);
    this.remoteEnded = true;
    if (this.body === 'chunked') this.tell(latin1(text));
    this.settle();
  }

  /** What comes after its user has had enough: the end is waited for, but no content is. */
  private unwanted(ends: boolean, bytes: number): void {
    if (ends) {
      this.remoteEnded = true;
      this.settle();
    } else if (bytes > 0) this.reset(ErrorCode.cancel);
  }

  private tell(bytes: Uint8Array): void {
    this.user?.onData(bytes);
  }

  private credit(bytes: number): void {
    if (this.over || this.remoteEnded || bytes === 0) return;
    const increment = this.receiveWindow.release(bytes);
    if (increment > 0) this.session.sendWindowUpdate(this, increment);
  }

  /** Both have said all: it is over. */
  private settle(): void {
    if (this.localEnded && this.remoteEnded) this.leave();
  }

  private reset(code: ErrorCode): void {
    this.session.sendReset(this, code);
    this.leave();
  }

  private leave(): void {
    if (this.over) return;
    this.over = true;
    this.user = null;
    this.session.release(this);
  }
}

const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** Content as a chunk of HTTP/1.1, and with it the end of the body if it is the last. */
function chunkOf(bytes: Uint8Array, from: number, to: number, ends: boolean): Uint8Array {
  const size = to > from ? `${(to - from).toString(16)}\r\n` : '';
  const tail = `${to > from ? '\r\n' : ''}${ends ? '0\r\n\r\n' : ''}`;
  const chunk = new Uint8Array(size.length + to - from + tail.length);
  for (let i = 0; i < size.length; i++) chunk[i] = size.charCodeAt(i);
  chunk.set(bytes.subarray(from, to), size.length);
  const at = size.length + to - from;
  for (let i = 0; i < tail.length; i++) chunk[at + i] = tail.charCodeAt(i);
  return chunk;
}
