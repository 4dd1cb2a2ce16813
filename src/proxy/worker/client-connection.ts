import type { Trust } from '../../core/trust.ts';
import { chainLines, clientOf } from '../http1/forwarded-chain.ts';
import { clientAddress, type ForwardedLines } from '../http1/forwarded.ts';
import { LF } from '../http1/octets.ts';
import { preface } from '../http2/frame.ts';
import { parseRequestHead, type RequestHead } from '../http1/request-head.ts';
import type { Ends } from '../proxy-protocol/header.ts';
import type { Account, AccountCause, AccountClient } from '../record/account.ts';
import type { Recorder } from '../record/recorder.ts';
import { type AnswerStatus, answer, isAnswerStatus } from './answer.ts';
import type { ClientSocket } from './client-socket.ts';
import type { Exchange } from './exchange.ts';
import type { HandshakeProofs } from './handshake-proofs.ts';
import { sendLast } from './last-segment.ts';
import { Outlet } from './outlet.ts';
import type { Limits } from './limits.ts';
import type { Pages } from './pages.ts';
import type { Plane } from './plane.ts';
import { Relay } from './relay.ts';
import type { Entry } from './entry.ts';
import type { Side } from './side.ts';
import type { ServiceTally } from './tally.ts';

/** One address that this worker accepts on, and what the table in force says of it. */
export interface ListeningPoint {
  readonly address: string;
  /** The address as bytes: the host of an old client that names none. */
  readonly host: Uint8Array;
  entry: Entry | undefined;
  /** Those of the entry, or the worker's own: for what comes before the service of a request is known. */
  limits: Limits;
  /** Clients come over TLS. */
  readonly secure: boolean;
  /** Shows an authority in handshakes that hosts are ours; null: it is not asked there. */
  proofs: HandshakeProofs | null;
}

/** Where connections wait with a whole head. Who waits too long is its to answer, if it says how. */
export interface WaitingRoom {
  add(client: ClientConnection): unknown;
  delete(client: ClientConnection): boolean;
  expired?(client: ClientConnection): void;
}

/** What the owner of a client's connection after the 101 hears. */
export interface ClientUser {
  /** Where what it does now is in flight; null: nowhere. */
  readonly side: Side | null;
  /** When that began, to tell it from what the same object does later. */
  readonly begunAt: number;
  /** It may go on for ever: a tunnel, or a response that has begun. */
  readonly lasting: boolean;
  onClientData(bytes: Uint8Array): void;
  onClientDrain(): void;
  onClientEnd(): void;
  onClientGone(clean: boolean): void;
  onDeadline(): void;
  /** The time for the whole exchange is over. */
  onOverdue(): void;
  /** A drain has reached its end: this one is not waited for. */
  onCut(): void;
  /** Its side is to be free: it ends now, as orderly as what it is allows. */
  onEvict(): void;
}

const Stage = {
  /** Waiting for a request head, or for the rest of one. */
  reading: 0,
  /** A whole head waits at the barrier of a switch. */
  held: 1,
  /** The bytes belong to an exchange or a tunnel. */
  busy: 2,
  /** Sends what is left; what still comes in is thrown away. */
  closing: 3,
  closed: 4,
} as const;
type Stage = (typeof Stage)[keyof typeof Stage];

const nothing = new Uint8Array(0);
/** How many that have no place are told so at a time; the reserve of descriptors is for them, too. */
const mostTold = 16;

/** Such as `TLSv1.3`; null if the handshake is not over. */
function tlsVersionOf(socket: ClientSocket): string | null {
  const version: unknown = socket.getTLSVersion();
  return typeof version === 'string' && version.startsWith('TLS') ? version : null;
}

/** One connection of a client: reads heads, holds what came ahead of its turn, and ends in order. */
export class ClientConnection {
  /** Bytes that nobody has used yet: `bytes[from, to)`. */
  bytes: Uint8Array | null = null;
  from = 0;
  to = 0;
  /** The client sends no more; it may still read. */
  ended = false;
  /** When `onDeadline` is due, on the plane's clock; 0: never. */
  deadline: number;
  /** When the whole exchange has to be over, on the same clock; 0: never. */
  until = 0;
  /** The address under which it is counted; null if its service has no limit for one. */
  private countedAs: string | null = null;
  /** Of the service that the request under way is for; null if none has been found. */
  tally: ServiceTally | null = null;
  /** What that request is answered with where we have to; null: a line of ours. */
  pages: Pages | null = null;
  /** Its head, if there are pages. */
  asked: Uint8Array | null = null;
  readonly outlet = new Outlet();
  private stage: Stage = Stage.reading;
  /** Where it waits while it is held. */
  private queue: WaitingRoom | null = null;
  private paused = false;
  private reading = false;
  private headBegun = false;
  /** When the first part of a head came that was not whole; of use while `headBegun`. */
  private headSince = 0;
  /** When the request began to wait that is held, or was before it began. */
  private heldSince = 0;
  /** Made when something is told of its requests. */
  private teller: AccountClient | null = null;
  private shut = false;
  /** The kernel keeps the last bytes of the response until the connection ends. */
  private lastSent = false;
  /** It is a stream of HTTP/2, whose request was put into the words of HTTP/1.1. */
  multiplexed = false;
  /** No request is read from it: it goes to an instance as it is. */
  private raw = false;
  private idleSince: number;
  /** Of the bytes while `busy`. */
  private user: ClientUser | null = null;
  /** Its own from the first head of a burst until none is left to read. */
  private exchange: Exchange | null = null;
  private lines: ForwardedLines | null = null;
  private peerText: string | null = null;
  /** By whom it was settled whether the peer is trusted. */
  judgedBy: Trust | null = null;
  /** The same if the peer is among them, else null. */
  believes: Trust | null = null;
  /** The client of the request under way as the peer names it; null: the peer itself. */
  private claimed: string | null = null;

  constructor(
    readonly plane: Plane,
    readonly point: ListeningPoint,
    private readonly socket: ClientSocket,
    /** Its two ends, if somebody who stands between has said so; null: those of the socket. */
    private readonly told: Ends | null = null,
  ) {
    this.idleSince = plane.tick();
    this.deadline = this.idleSince + (point.secure ? point.limits.headMs : point.limits.idleMs);
    plane.clients.add(this);
  }

  /** There are as many clients as there may be: it is told so, or sent away without a word if too many are being told. */
  turnOut(): void {
    const { clients, limits } = this.plane;
    const patient = clients.size <= limits.connections + mostTold;
    const { entry, secure } = this.point;
    if (patient && !secure && entry?.raw !== true) return this.refuse(503, 'too many connections');
    entry?.doorTally.refused(503);
    this.terminate();
  }

  /** Counts it for its client's address, and closes it if that has `most` already: the address asks for too much, not the request. */
  countFor(most: number): void {
    const { perClient } = this.plane;
    const { entry } = this.point;
    const address = this.peer;
    // A proxy has the connections of many clients.
    if (entry?.trust?.holdsText(address) === true) return;
    const count = perClient.get(address) ?? 0;
    if (count >= most) {
      entry?.doorTally.refused('connections');
      this.terminate();
      return;
    }
    perClient.set(address, count + 1);
    this.countedAs = address;
  }

  /** Sends the whole connection to an instance, now or when the switch that is under way is over. */
  relay(): void {
    if (this.stage !== Stage.reading) return;
    this.raw = true;
    if (this.plane.holding) this.hold();
    else this.beginRelay(false);
  }
  private beginRelay(waited: boolean): void {
    const target = this.point.entry?.rawTarget;
    if (target === undefined) return this.refuse(503, 'nothing is served here');
    this.stage = Stage.busy;
    const { steering } = target;
    const side = steering === null ? target.side : steering.steer(this, nothing, null, this.plane.tick());
    new Relay(this.plane, this, side, steering?.wanted ?? null).begin(waited);
  }

  /** The account of a request that begins; `head` null: of this connection as a whole. */
  openAccount(
    recorder: Recorder,
    bytes: Uint8Array,
    head: RequestHead | null,
    now: number,
    waited: boolean,
  ): Account {
    const read = waited ? this.heldSince : now;
    return recorder.open(
      this.accountClient,
      bytes,
      head,
      now,
      this.headBegun ? read - this.headSince : 0,
      waited ? now - this.heldSince : -1,
    );
  }
  private get accountClient(): AccountClient {
    const { address } = this;
    if (this.teller?.address === address) return this.teller;
    return (this.teller = {
      address,
      tls: this.point.secure ? tlsVersionOf(this.socket) : null,
      multiplexed: this.multiplexed,
    });
  }
  /** Tells of a request that goes to no instance. */
  private account(
    status: number,
    cause: AccountCause | null,
    detail: string,
    tally: ServiceTally | null,
  ): void {
    const recorder = this.point.entry?.recorderOf(tally) ?? null;
    if (recorder === null) return;
    const now = this.plane.tick();
    const held = this.stage === Stage.held;
    const { bytes, from, to } = this;
    recorder.refused({
      client: this.accountClient,
      known: tally !== null,
      bytes: bytes ?? nothing,
      from,
      to,
      status,
      cause,
      detail,
      headMs: this.headBegun ? (held ? this.heldSince : now) - this.headSince : 0,
      heldMs: held ? now - this.heldSince : -1,
    });
  }

  get remoteAddress(): string {
    return this.told === null ? this.socket.remoteAddress : this.told.source.ip;
  }
  get remotePort(): number {
    return this.told === null ? this.socket.remotePort : this.told.source.port;
  }
  /** The address that the client has connected to. */
  get localAddress(): string {
    return this.told === null ? this.socket.localAddress : this.told.destination.ip;
  }
  get localPort(): number {
    return this.told === null ? this.socket.localPort : this.told.destination.port;
  }
  /** What an instance is told of the request under way: its client, whose port nobody knows if a trusted peer has named it, and where it went. */
  get ends(): Ends {
    const { claimed, peer } = this;
    const named = claimed !== null && claimed !== peer;
    return {
      source: { ip: this.address, port: named ? 0 : this.remotePort },
      destination: { ip: this.localAddress, port: this.localPort },
    };
  }
  get tlsVersion(): unknown {
    return this.socket.getTLSVersion();
  }
  /** Who does something with it on a side of a service; null if nobody does. */
  get usedBy(): ClientUser | null {
    return this.stage === Stage.busy && this.user !== null && this.user.side !== null ? this.user : null;
  }

  get isOpen(): boolean {
    return this.stage !== Stage.closed;
  }
  get forwarded(): ForwardedLines {
    const { plane } = this;
    return (this.lines ??= (this.point.secure ? plane.secureLines : plane.plainLines).of(this.remoteAddress));
  }
  /** Who is at the other end of the connection, or is said to be there by a PROXY header. */
  get peer(): string {
    return (this.peerText ??= clientAddress(this.remoteAddress));
  }
  /** The client's address, for the request under way: the peer's, or the one that a trusted peer has named. */
  get address(): string {
    return this.claimed ?? this.peer;
  }
  /** Settles whether the peer is one of `trust`, whose word is then taken in each request. */
  judge(trust: Trust | null): void {
    this.judgedBy = trust;
    this.believes = trust?.holdsText(this.peer) === true ? trust : null;
    this.claimed = null;
  }
  /** Takes the word of a peer that is trusted for who the client of this request is. */
  believe(bytes: Uint8Array, head: RequestHead): void {
    this.claimed = clientOf(bytes, head, this.believes!, this.peer);
  }
  /** The lines that say who the client is, where a trusted peer has said something of it. */
  chainLines(bytes: Uint8Array, head: RequestHead): Uint8Array {
    const { point, peer } = this;
    const host =
      head.hostTo === 0
        ? point.address
        : Buffer.from(bytes.subarray(head.hostFrom, head.hostTo)).toString('latin1');
    return chainLines(bytes, head, this.believes!, peer, point.secure, host);
  }

  // What an exchange or a tunnel does with it.

  /** False if some of it has to wait; the user's `onClientDrain` follows. */
  write(bytes: Uint8Array, from: number, to: number, owned: boolean): boolean {
    return this.stage === Stage.closed || this.outlet.write(this.socket, bytes, from, to, owned);
  }
  /** The same for the end of a response after which the connection ends. */
  writeLast(bytes: Uint8Array, from: number, to: number, owned: boolean): boolean {
    const { fd } = this.socket;
    if (this.point.secure || fd === undefined || this.stage === Stage.closed || !this.outlet.empty)
      return this.write(bytes, from, to, owned);
    from += sendLast(fd, bytes, from, to);
    this.lastSent = from === to;
    return this.lastSent || this.write(bytes, from, to, owned);
  }
  pause(): void {
    if (this.paused || this.stage === Stage.closed) return;
    this.paused = true;
    this.socket.pause();
  }
  resume(): void {
    if (!this.paused || this.stage === Stage.closed) return;
    this.paused = false;
    this.socket.resume();
  }
  /** Keeps bytes that came ahead of their turn; they are read later. */
  keep(chunk: Uint8Array, from: number, to: number): void {
    const { bytes } = this;
    if (bytes === null || this.from === this.to) {
      this.bytes = chunk;
      this.from = from;
      this.to = to;
      return;
    }
    const length = this.to - this.from;
    const grown = new Uint8Array(Math.max(2 * length, length + to - from));
    const roomy = this.to + to - from <= bytes.length;
    if (!roomy) grown.set(bytes.subarray(this.from, this.to));
    (roomy ? bytes : grown).set(chunk.subarray(from, to), roomy ? this.to : length);
    if (roomy) this.to += to - from;
    else {
      this.bytes = grown;
      this.from = 0;
      this.to = length + to - from;
    }
  }
  handTo(user: ClientUser): void {
    this.user = user;
    this.dismissExchange();
  }
  /** The exchange is over and its response sent; the connection goes on with the next request, or ends. */
  next(keepAlive: boolean, requestWhole: boolean): void {
    if (this.stage !== Stage.busy) return;
    if (!keepAlive) {
      this.finish(!requestWhole || this.from < this.to);
      return;
    }
    this.stage = Stage.reading;
    this.becomeIdle();
    this.resume();
    this.read();
  }
  /** Sends a whole answer of our own; with `close`, the last one. `madeId`: the id that we made for the request. */
  answer(status: AnswerStatus, close: boolean, body: boolean, madeId: string | null = null): void {
    const { pages } = this;
    const bytes =
      pages === null ? answer(status, close, body) : pages.answer(status, close, this.asked, madeId);
    this.write(bytes, 0, bytes.length, true);
  }
  /**
   * Answers a request that is wrong, and closes: where the next one would begin is not known. `why` is what is told of it; null if it
   * has been told of.
   */
  refuse(status: number, why: string | null = ''): void {
    if (this.stage === Stage.closed || this.stage === Stage.closing) return;
    const known =
      this.stage === Stage.busy || (this.stage === Stage.held && this.queue !== this.plane.waiting);
    const tally = known ? this.tally : this.point.entry?.tally;
    tally?.refused(status);
    if (why !== null) this.account(status, 'refused', why, tally ?? null);
    this.leaveQueue();
    if (this.raw) return this.terminate();
    if (!known) {
      this.pages = this.point.entry?.pages ?? null;
      this.asked = null;
    }
    this.answer(isAnswerStatus(status) ? status : 400, true, true);
    this.finish(true);
  }
  /** Sends a whole answer of one's own making as the last one. */
  conclude(bytes: Uint8Array, status: number): void {
    this.account(status, null, 'answered by the proxy', this.tally);
    this.write(bytes, 0, bytes.length, true);
    this.finish(true);
  }
  /** Ends the connection after what waits. `linger`: the client may still be sending, and a reset would eat our answer. */
  finish(linger: boolean): void {
    if (this.stage === Stage.closed) return;
    this.stage = Stage.closing;
    this.bytes = null;
    this.from = this.to = 0;
    this.shut = !linger;
    this.deadline = this.plane.coarse + this.point.limits.bodyIdleMs;
    this.resume();
    if (this.outlet.empty) this.flushed();
  }
  /** Ends it by a reset: the client must see that what it got is not whole. */
  terminate(): void {
    if (this.stage === Stage.closed) return;
    this.leave();
    this.dismissExchange();
    this.socket.terminate();
  }
  shutdown(): void {
    if (this.stage !== Stage.closed) this.socket.shutdown();
  }
  keepAlive(): void {
    this.socket.setKeepAlive(true, 60_000);
  }

  // What the socket says.

  /** The handshake of TLS is over; `http2`: the two have agreed on HTTP/2. */
  onSecured(http2: boolean): void {
    this.idleSince = this.plane.tick();
    this.deadline = this.idleSince + this.point.limits.idleMs;
    if (http2) this.multiplex();
  }

  onData(chunk: Uint8Array): void {
    switch (this.stage) {
      case Stage.busy:
        this.user!.onClientData(chunk);
        return;
      case Stage.reading: {
        const more = this.from < this.to;
        this.keep(chunk, 0, chunk.length);
        // A head that comes drop by drop is not read again for each drop, only when a line is whole or the limit is near.
        if (more && this.to - this.from <= this.point.limits.requestHead.targetBytes && !chunk.includes(LF))
          return;
        this.read();
        return;
      }
      case Stage.held:
        this.keep(chunk, 0, chunk.length);
        if (this.to - this.from > this.plane.limits.aheadBytes) this.pause();
        return;
      default:
    }
  }
  onDrain(): void {
    if (this.stage === Stage.closed || this.outlet.empty || !this.outlet.flush(this.socket)) return;
    if (this.stage === Stage.busy) this.user!.onClientDrain();
    else if (this.stage === Stage.closing) this.flushed();
  }
  onEnd(): void {
    this.ended = true;
    if (this.stage === Stage.busy) this.user!.onClientEnd();
    else if (this.stage === Stage.reading) this.close();
    else if (this.stage === Stage.closing && this.outlet.empty) this.close();
  }
  onClose(clean: boolean): void {
    if (this.stage === Stage.closed) return;
    const busy = this.stage === Stage.busy;
    this.leave();
    if (busy) this.user!.onClientGone(clean);
    this.dismissExchange();
  }

  /** Looked at now and then instead of a timer for each request. */
  sweep(now: number): void {
    if (this.stage === Stage.reading && (this.plane.draining || this.plane.crowded) && this.from === this.to)
      if (now - this.idleSince >= this.plane.limits.drainIdleMs) return this.close();
    if (this.until !== 0 && now >= this.until && this.stage === Stage.busy) {
      this.until = 0;
      this.user!.onOverdue();
      return;
    }
    if (this.deadline === 0 || now < this.deadline) return;
    switch (this.stage) {
      case Stage.busy:
        this.user!.onDeadline();
        return;
      case Stage.reading:
        // One that has sent nothing gets no answer: it would be taken for the response to the request it is sending now.
        if (this.from < this.to) this.refuse(408, 'the head took too long');
        else this.close();
        return;
      case Stage.held:
        if (this.queue?.expired) this.queue.expired(this);
        else this.refuse(503, 'held for too long');
        return;
      case Stage.closing:
        this.terminate();
        return;
      default:
        this.deadline = 0;
    }
  }

  /** The drain has reached its end. */
  cut(): void {
    if (this.stage === Stage.busy) this.user!.onCut();
    else if (this.stage === Stage.held) this.refuse(503, 'held until the end of a drain');
    else this.terminate();
  }

  /** The request that was about to begin waits, not longer than `until`. That the client leaves is still seen. */
  holdUntil(until: number, queue: WaitingRoom): void {
    this.stage = Stage.held;
    this.heldSince = this.plane.coarse;
    this.deadline = until;
    this.waitIn(queue);
  }
  waitIn(queue: WaitingRoom): void {
    this.queue = queue;
    queue.add(this);
  }
  /** Answers the request that was about to begin, and ends the connection: its body is not waited for. */
  turnAway(answer: Uint8Array, why: string): void {
    this.tally?.refused(503);
    this.account(503, 'refused', why, this.tally);
    this.leaveQueue();
    this.write(answer, 0, answer.length, true);
    this.finish(true);
  }

  /** The head that waits, as it came: what is before it counts too, and what has come after it. */
  get waitingBytes(): Uint8Array {
    return this.bytes === null ? nothing : this.bytes.subarray(this.from, this.to);
  }

  /** Its head, which waited at the barrier or because of the mode, is read again and routed by the table in force. */
  release(): void {
    if (this.stage !== Stage.held) return;
    this.queue = null;
    this.deadline = 0;
    this.stage = Stage.reading;
    this.resume();
    if (this.raw) this.beginRelay(true);
    else this.read(true);
  }

  /** Reads heads from what has come until one has to wait for more bytes, for its exchange, or at the barrier. */
  private read(waited = false): void {
    // An exchange may end inside `begin`; the loop below then goes on, instead of one call for each request of a long pipeline.
    if (this.reading) return;
    this.reading = true;
    const { plane } = this;
    while (this.stage === Stage.reading && this.from < this.to) {
      const read = parseRequestHead(
        this.bytes!,
        this.from,
        this.to,
        plane.requestHead,
        this.point.limits.requestHead,
      );
      if (read === 0) {
        this.awaitHead();
        break;
      }
      if (read < 0) {
        if (read === -505 && !this.point.secure && this.tally === null) {
          const begun = this.prefaceBegun();
          if (begun === preface.length) {
            this.multiplex();
            break;
          }
          if (begun > 0) {
            this.awaitHead();
            break;
          }
        }
        this.refuse(-read, plane.requestHead.why);
      } else if (plane.holding) this.hold();
      else {
        this.stage = Stage.busy;
        const exchange = (this.exchange ??= plane.spareExchanges.take(this));
        this.user = exchange;
        exchange.begin(waited);
        this.headBegun = false;
        waited = false;
      }
    }
    this.reading = false;
    if (this.stage === Stage.busy) return;
    this.dismissExchange();
    if (this.stage === Stage.reading && this.ended) this.close();
  }

  private awaitHead(): void {
    if (this.headBegun) return;
    this.headBegun = true;
    this.headSince = this.plane.tick();
    this.deadline = this.headSince + this.point.limits.headMs;
  }
  /** How many octets of the preface of HTTP/2 have come (RFC 9113 §3.3); 0 if something else did. */
  private prefaceBegun(): number {
    const { bytes, from, to } = this;
    const length = Math.min(to - from, preface.length);
    for (let i = 0; i < length; i++) if (bytes![from + i] !== preface[i]) return 0;
    return length;
  }
  /** The client speaks HTTP/2: its requests come on streams of this connection. */
  multiplex(): void {
    if (this.stage !== Stage.reading) return;
    const { bytes, from, to } = this;
    this.stage = Stage.busy;
    this.headBegun = false;
    this.bytes = null;
    this.from = this.to = 0;
    const user = this.plane.multiplex(this);
    this.user = user;
    if (from < to) user.onClientData(bytes!.subarray(from, to));
  }

  private hold(): void {
    const { plane } = this;
    if (plane.waiting.size >= this.point.limits.held) {
      this.refuse(503, 'too many requests are held');
      return;
    }
    this.stage = Stage.held;
    this.heldSince = plane.coarse;
    this.deadline = 0;
    this.pause();
    this.waitIn(plane.waiting);
  }
  private leaveQueue(): void {
    this.queue?.delete(this);
    this.queue = null;
  }
  private becomeIdle(): void {
    if (this.from === this.to) this.bytes = null;
    this.idleSince = this.plane.coarse;
    this.deadline = this.idleSince + this.point.limits.idleMs;
  }
  private flushed(): void {
    if (this.shut || this.ended) this.close();
    else {
      this.shut = true;
      this.deadline = this.plane.coarse + this.plane.limits.lingerMs;
      this.socket.shutdown();
    }
  }
  private close(): void {
    this.leave();
    this.dismissExchange();
    if (this.lastSent) this.socket.close();
    else this.socket.end();
  }
  /** Gives its exchange back, so that the next request of any client may have it. */
  private dismissExchange(): void {
    const { exchange } = this;
    if (exchange === null) return;
    this.exchange = null;
    if (this.user === exchange) this.user = null;
    this.plane.spareExchanges.give(exchange);
  }
  private leave(): void {
    this.leaveQueue();
    this.stage = Stage.closed;
    this.bytes = null;
    this.from = this.to = 0;
    this.outlet.clear();
    const { plane } = this;
    if (this.countedAs !== null) {
      const left = plane.perClient.get(this.countedAs)! - 1;
      if (left > 0) plane.perClient.set(this.countedAs, left);
      else plane.perClient.delete(this.countedAs);
      this.countedAs = null;
    }
    plane.clients.delete(this);
    if (plane.clients.size === 0) plane.emptied();
  }
}
