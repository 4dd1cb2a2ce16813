import type { ProxyVersion } from '../../core/proxy-header.ts';
import type { FailureCause } from '../../core/traffic.ts';
import type { Proofs } from '../acme/proofs.ts';
import type { HeadLimits } from '../http1/limits.ts';
import { isIdempotent, isSafe, Method, parseRequestHead } from '../http1/request-head.ts';
import { Framing, parseResponseHead } from '../http1/response-head.ts';
import { Persistence, withLine, writeRequestHead, writeResponseHead } from '../http1/rewrite.ts';
import { isForChallenge, redirectTo } from '../tls/redirect.ts';
import { TraceFields } from '../http1/trace-fields.ts';
import { renderProxyHeader } from '../proxy-protocol/header.ts';
import type { Account, AccountCause } from '../record/account.ts';
import { AssetLookup, isFound } from './asset-lookup.ts';
import { CopiedExchange } from '../mirror/copied-exchange.ts';
import type { MirrorTap } from '../mirror/tap.ts';
import type { AnswerStatus } from './answer.ts';
import type { ClientConnection, ClientUser } from './client-connection.ts';
import type { Target } from './entry.ts';
import type { InstanceQueue, Waiter } from './instance-queue.ts';
import type { InstancePool } from './instance-pool.ts';
import { KeptRequest } from './kept-request.ts';
import type { Pages } from './pages.ts';
import type { Plane } from './plane.ts';
import { malformed, RequestBody } from './request-body.ts';
import { ResponseBody } from './response-body.ts';
import type { Side } from './side.ts';
import type { Steering } from './steering.ts';
import { cutCacheFields } from './testers.ts';
import { Tunnel } from './tunnel.ts';
import { UpstreamConnection, type UpstreamUser } from './upstream-connection.ts';

/**
 * A head that was read before: whatever limit it was held to then, it is within it. Integers, not Infinity: with one float
 * among its bounds the scanner counts in floats from then on, which doubled the user time of every request.
 */
const readOnce: HeadLimits = { targetBytes: 0x3fffffff, headBytes: 0x3fffffff, fields: 0x3fffffff };

/** So long a client waits for what the side before says: it has a 404 already. */
const lookupMs = 5000;

/** After that an instance is taken for one that refuses all. */
const mostRefusals = 3;

/** Both, one after the other. */
function joined(a: Uint8Array | null, b: Uint8Array): Uint8Array {
  if (a === null || a.length === 0) return b;
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

/** Whether the head of a 101 says that a WebSocket follows (RFC 6455 §4.2.2). */
const isWebSocket = (bytes: Uint8Array, from: number, to: number): boolean =>
  /\nupgrade:[ \t]*websocket[ \t]*\r?\n/i.test(Buffer.from(bytes.subarray(from, to)).toString('latin1'));

/**
 * One request and its response. A client connection takes one from the plane's spare ones when a request begins and gives it back
 * when it has none, so that nothing is allocated for a request and an idle connection has none. It belongs to the side, and so to the epoch, in which it began, until it ends in exactly one of:
 * `complete` (whole response), `fail` (our fault or the instance's), `abandon` (the client left), `reject` (the client's fault).
 */
export class Exchange implements ClientUser, UpstreamUser, Waiter {
  private target: Target | null = null;
  side: Side | null = null;
  private pool: InstancePool | null = null;
  private upstream: UpstreamConnection | null = null;
  /** Where it waits until an instance has room for it. */
  private queue: InstanceQueue | null = null;
  /** Null unless its service logs or traces: all that is told of it passes through this one field. */
  private account: Account | null = null;
  /** Null unless the request is copied. */
  private copy: CopiedExchange | null = null;
  private startedAt = 0;
  private takenBefore = 0;
  /** The instance that should get the request; null: any of its side. */
  private wanted: InstancePool | null = null;
  /** What renews the client's cookie, and the instance that it names; null: nothing has to. */
  private renewing: Steering | null = null;
  private held: InstancePool | null = null;
  /** A 404 that is held back until the side before has been asked; null: none is. */
  private lookup: AssetLookup | null = null;
  /** The side before while its answer is waited for or sent on: it is not to be stopped meanwhile. */
  private lender: Side | null = null;

  // The request.
  private method: Method = Method.other;
  private oldClient = false;
  private keepAlive = true;
  private upgrade = false;
  private readonly body = new RequestBody();
  private readonly request = new KeptRequest();
  /** Made when it is first needed. */
  private trace: TraceFields | null = null;
  private repeated = false;
  /** How often an instance has not looked at it (RFC 9113 §8.7). */
  private refusals = 0;
  private tried: InstancePool[] | null = null;

  // The response.
  private responseHead: Uint8Array | null = null;
  private responseBegun = false;
  private headSent = false;
  private responseDone = false;
  private status = 0;
  private readonly responseBody = new ResponseBody();
  private upstreamStays = false;
  private idleSeconds = -1;

  /** Whose request it is; null while it waits for one among the plane's spare ones. */
  private owner: ClientConnection | null = null;

  constructor(private readonly plane: Plane) {}

  private get client(): ClientConnection {
    return this.owner!;
  }
  /** Nothing is under way: another client may have it. */
  get isOver(): boolean {
    return this.side === null && this.upstream === null;
  }
  /** Makes it one client's. All that a request sets is set by `begin` or was cleared by `leave`. */
  serve(client: ClientConnection): void {
    this.owner = client;
    this.takenBefore = client.outlet.taken;
  }
  /** It is nobody's any more. */
  part(): void {
    this.owner = null;
  }

  /** Takes on the request whose head the plane has just read from the client's bytes. `waited`: it was held at a switch. */
  begin(waited: boolean): void {
    const { client, plane } = this;
    const head = plane.requestHead;
    const bytes = client.bytes!;
    const { entry } = client.point;
    client.tally = entry?.tally ?? null;
    client.pages = entry?.pages ?? null;
    if (client.pages !== null) client.asked = bytes.subarray(head.start, head.end);
    if (plane.proofs !== null && this.prove(plane.proofs)) return;
    if (entry === undefined) return client.refuse(503, 'nothing is served here');
    if (entry.trust !== client.judgedBy) client.judge(entry.trust);
    if (client.believes !== null) client.believe(bytes, head);
    if (entry.redirect !== null && !isForChallenge(bytes, head)) return this.redirect(entry.redirect);
    let target = entry.find(bytes, head);
    if (typeof target === 'number') return client.refuse(target, 'no service is for this host and path');
    client.tally = target.tally;
    if (client.pages !== target.side.pages) this.takePages(target.side.pages);
    if (target.testers !== null) {
      const admitted = target.testers.admit(client, bytes, head, target);
      if (admitted === null) return;
      target = admitted;
    }
    const { gate, steering } = target;
    const { limits } = target.side;
    if (gate !== null && gate.stops(client, head, bytes, plane.tick())) return;
    const end = this.body.begin(head, bytes, client.to, limits.bodyBytes);
    if (end < 0) return client.refuse(-end, end === malformed ? 'chunked body malformed' : 'body too long');
    this.target = target;
    this.startedAt = plane.tick();
    const side = steering === null ? target.side : this.steer(steering, bytes);
    this.side = side;
    client.until = limits.totalMs === 0 ? 0 : this.startedAt + limits.totalMs;
    this.method = head.method;
    this.oldClient = head.minor === 0;
    this.keepAlive = head.keepAlive;
    this.upgrade = head.upgrade;
    this.request.keep(bytes, head.start, end);
    if (side.recorder !== null) {
      this.account = client.openAccount(side.recorder, bytes, head, this.startedAt, waited);
      this.account.bytesIn = end - client.from;
    }
    if (side.tracing !== null) (this.trace ??= new TraceFields()).begin(this.account?.spans ?? null);
    this.repeated = false;
    this.refusals = 0;
    this.tried = null;
    this.responseBegun = this.headSent = this.responseDone = false;
    side.inFlight++;
    const { tally } = side;
    tally.inFlight++;
    tally.requests++;
    tally.bytesIn += end - client.from;
    if (target.preview) tally.previews++;
    if (waited) tally.held++;
    client.from = end;
    this.attempt(true, true);
  }

  private steer(steering: Steering, bytes: Uint8Array): Side {
    const { plane, client } = this;
    const side = steering.steer(client, bytes, plane.requestHead, plane.coarse);
    this.wanted = steering.wanted;
    this.held = steering.held;
    this.renewing = steering.renews ? steering : null;
    return side;
  }

  /** The service of the request has other pages than what is known of its address: the address is shared. */
  private takePages(pages: Pages | null): void {
    const { client, plane } = this;
    const { start, end } = plane.requestHead;
    client.pages = pages;
    client.asked = client.bytes!.subarray(start, end);
  }

  /** Answers an authority that asks for the proof of a host; false if the request is for something else. */
  private prove(proofs: Proofs): boolean {
    const { client, plane } = this;
    const answer = proofs.answerTo(client.bytes!, plane.requestHead);
    if (answer === null) return false;
    client.conclude(answer, 200);
    return true;
  }

  private redirect(port: number): void {
    const { client, plane } = this;
    const answer = redirectTo(client.bytes!, plane.requestHead, port);
    if (answer === null) client.refuse(400, 'no host to redirect to');
    else client.conclude(answer, 308);
  }

  /** Sends the request to an instance, over an idle connection if `reuse` allows and there is one. `headRead`: the plane's head is still its own. */
  private attempt(headRead: boolean, reuse: boolean): void {
    const { plane, side } = this;
    if (side!.queue !== null && this.waits(side!.queue)) return;
    const pool = this.wanted ?? side!.pick(plane.coarse, this.tried);
    if (pool === undefined) return this.fail('no-instance', 503);
    this.pool = pool;
    pool.inFlight++;
    this.askInstance(pool, headRead, reuse);
  }

  private askInstance(pool: InstancePool, headRead: boolean, reuse: boolean): void {
    if (this.account !== null) this.account.asked(pool.address, this.plane.tick());
    if (pool.sendProxy !== null) return this.attemptGreeted(pool, pool.sendProxy, headRead, reuse);
    const idle = reuse ? pool.take(!isIdempotent(this.method)) : undefined;
    this.sendOver(pool, idle, null, headRead);
  }

  /** The same to an instance that is told of the client at the beginning of a connection: only one that began so is used again. */
  private attemptGreeted(pool: InstancePool, version: ProxyVersion, headRead: boolean, reuse: boolean): void {
    const greeting = renderProxyHeader(version, this.client.ends);
    const idle = reuse ? pool.takeOwn(greeting, !isIdempotent(this.method)) : undefined;
    this.sendOver(pool, idle, greeting, headRead);
  }

  /** Sends it over an idle connection, or over a new one that begins with `greeting`. */
  private sendOver(
    pool: InstancePool,
    idle: UpstreamConnection | undefined,
    greeting: Uint8Array | null,
    headRead: boolean,
  ): void {
    const { plane } = this;
    if (idle === undefined) {
      this.client.deadline = plane.coarse + this.side!.limits.connectMs;
      this.upstream = new UpstreamConnection(plane, pool, this, greeting);
      this.upstream.connect();
      return;
    }
    this.upstream = idle;
    idle.user = this;
    this.send(headRead);
  }

  /** True if it waits until an instance has room for it, or was answered because too many do. */
  private waits(queue: InstanceQueue): boolean {
    const { client, plane } = this;
    const turn = this.queue !== null;
    this.queue = null;
    // One that is full is not waited for while another one may have the request.
    if (this.wanted !== null && queue.isFull(this.wanted)) this.wanted = null;
    if (!this.side!.hasToWait(this.tried, turn)) return false;
    if (queue.join(this)) {
      this.queue = queue;
      client.deadline = plane.coarse + queue.waitMs;
    } else this.fail('instances-full', 503);
    return true;
  }
  goOn(): void {
    this.attempt(false, true);
  }

  private send(headRead: boolean): void {
    const { plane, client, side } = this;
    const upstream = this.upstream!;
    const { bytes, from, to } = this.request;
    const request = bytes!;
    const head = plane.requestHead;
    if (!headRead) parseRequestHead(request, from, to, head, readOnce);
    const host = client.point.host;
    const lines =
      client.believes !== null
        ? client.chainLines(request, head)
        : head.hostTo === 0
          ? client.forwarded.for(host, 0, host.length)
          : client.forwarded.for(request, head.hostFrom, head.hostTo);
    const { scratch } = plane;
    const { tracing } = side!;
    if (tracing !== null) {
      const trace = this.trace!;
      trace.read(request, head, tracing.requestId, tracing.traceContext);
      if (this.account !== null) {
        if (tracing.requestId) this.account.requestId = trace.requestId(request);
        if (tracing.traceContext) this.account.traceId = trace.traceId(request);
      }
    }
    const { strip, prefixLine, admission } = this.target!;
    // An empty target is written as the root; a query that is left alone gets one, too.
    if (strip > 0) head.targetFrom += strip;
    const more = admission === null ? prefixLine : joined(prefixLine, admission.door.conceal(request, head));
    let length = writeRequestHead(request, head, lines, host, scratch, more);
    if (tracing !== null)
      length = this.trace!.write(scratch, length, tracing.requestId, tracing.traceContext);
    if (side!.mirror !== null) this.copyTo(side!.mirror, length);
    const body = to - head.end;
    let flowing: boolean;
    if (body === 0) flowing = upstream.write(scratch, 0, length, false);
    else if (length + body <= scratch.length) {
      scratch.set(request.subarray(head.end, to), length);
      length += body;
      flowing = upstream.write(scratch, 0, length, false);
    } else {
      upstream.write(scratch, 0, length, false);
      flowing = upstream.write(request, head.end, to, true);
    }
    if (this.body.done) {
      const { responseMs } = side!.limits;
      client.deadline = plane.coarse + (this.lookup === null ? responseMs : Math.min(responseMs, lookupMs));
      return;
    }
    // Of a stream that the instance refuses, what was sent so far can be sent again, if it was not much.
    if (this.pool!.sessions === null) this.request.forget();
    client.deadline = this.body.giveTime(plane.coarse, side!.limits);
    if (client.from < client.to) {
      const ahead = client.bytes!;
      const { from: first, to: last } = client;
      client.bytes = null;
      client.from = client.to = 0;
      this.forwardBody(ahead, first, last);
    } else if (!flowing) client.pause();
    if (this.upstream === upstream && upstream.outlet.empty) client.resume();
  }

  /** Has what is said to the instance and by it kept from here on, if it is the turn of this request. `headLength`: of the head in the plane's buffer. */
  private copyTo(tap: MirrorTap, headLength: number): void {
    const { plane } = this;
    const head = plane.requestHead;
    const { bytes, to } = this.request;
    if (this.copy === null) {
      if (!tap.isNext || !tap.takes(bytes!, head)) return;
      this.copy = new CopiedExchange(tap, this);
    }
    const body = bytes!.subarray(head.end, to);
    this.copy.begin(this.upstream!, plane.scratch.slice(0, headLength), body);
  }

  private forwardBody(bytes: Uint8Array, from: number, to: number): void {
    const { plane, client } = this;
    const upstream = this.upstream!;
    const end = this.body.take(bytes, from, to);
    if (end < 0) return this.reject(end === malformed ? 400 : 413);
    this.side!.tally.bytesIn += end - from;
    if (this.account !== null) this.account.bytesIn += end - from;
    if (this.copy !== null) this.copy.more(bytes.subarray(from, end));
    this.request.more(bytes, from, end, plane.limits.aheadBytes);
    const flowing = upstream.write(bytes, from, end, true);
    // Once the response has begun the two talk to each other, as slowly as they like.
    if (!this.body.done)
      client.deadline = this.responseBegun
        ? plane.tick() + this.side!.limits.bodyIdleMs
        : this.body.earn(end - from, plane.tick(), this.side!.limits);
    else if (!this.responseBegun) client.deadline = plane.tick() + this.side!.limits.responseMs;
    if (end < to) client.keep(bytes, end, to);
    if (!flowing && !this.body.done) client.pause();
  }

  /** Whether the client took as much as it has to since it was last asked; then it is asked again after `bodyIdleMs`. */
  private readsOn(): boolean {
    const { client, plane } = this;
    const { bodyIdleMs, msPerByte } = this.side!.limits;
    const { taken } = client.outlet;
    const since = taken - this.takenBefore;
    this.takenBefore = taken;
    if (since === 0 || (msPerByte !== 0 && since * msPerByte < bodyIdleMs)) return false;
    client.deadline = plane.coarse + bodyIdleMs;
    return true;
  }

  // The client.

  onClientData(bytes: Uint8Array): void {
    const { client } = this;
    if (!this.body.done && !this.responseDone && this.upstream?.isOpen === true)
      return this.forwardBody(bytes, 0, bytes.length);
    // Ahead of its turn: the next request, what follows an upgrade, or a body whose instance is not connected yet.
    client.keep(bytes, 0, bytes.length);
    if (client.to - client.from > this.plane.limits.aheadBytes) client.pause();
  }
  onClientDrain(): void {
    if (this.responseDone) this.complete();
    else {
      this.client.deadline = this.plane.tick() + this.side!.limits.responseIdleMs;
      this.upstream?.resume();
    }
  }
  onClientEnd(): void {
    // Half a request will never be whole. A whole one is answered: its client only says that it was the last.
    if (!this.body.done) {
      this.abandon();
      this.client.terminate();
    } else this.keepAlive = false;
  }
  onClientGone(): void {
    this.abandon();
  }
  onDeadline(): void {
    const { client } = this;
    if (!client.outlet.empty) {
      if (this.readsOn()) return;
      // The client does not read, or hardly: its own doing.
      this.abandon();
      client.terminate();
    } else if (this.queue !== null) this.fail('instances-full', 503);
    else if (this.upstream !== null && !this.upstream.isOpen) this.onUpstreamRefused(504);
    else if (!this.body.done && !this.responseBegun && this.upstream?.outlet.empty === true) {
      this.abandon(408);
      client.refuse(408, null);
    } else this.fail('upstream-timeout', 504);
  }

  onOverdue(): void {
    const { client, upstream } = this;
    if (!client.outlet.empty) {
      this.abandon();
      client.terminate();
    } else if (!this.body.done && !this.responseBegun && upstream?.isOpen === true && upstream.outlet.empty) {
      this.abandon(408);
      client.refuse(408, null);
    } else this.fail('upstream-timeout', 504);
  }

  get begunAt(): number {
    return this.startedAt;
  }
  get lasting(): boolean {
    return this.headSent && !this.responseDone;
  }
  onEvict(): void {
    const { client, side } = this;
    // One that is whole only has to be read by its client.
    if (this.responseDone) return;
    if (this.account !== null) {
      this.account.detail = 'ended so that its side gets free';
      this.closeAccount('cut', this.headSent ? this.status : 503);
    }
    const { cut } = side!.tally;
    this.detach()?.destroy(true);
    if (this.headSent) {
      cut.streams++;
      // With nothing that says where it ends, only a reset tells the client that it is not whole.
      const looksWhole = this.responseBody.unchunk || this.responseBody.endsByClose;
      this.leave();
      if (looksWhole) client.terminate();
      else client.finish(!this.body.done);
      return;
    }
    cut.requests++;
    const madeId = client.pages !== null && side!.tracing?.requestId ? this.trace!.madeId() : null;
    this.leave();
    client.answer(503, true, this.method !== Method.head, madeId);
    client.next(false, this.body.done);
  }

  onCut(): void {
    this.fail('upstream-timeout', 504);
  }

  // The instance.

  onUpstreamOpen(): void {
    const now = this.plane.tick();
    if (this.account !== null) this.account.connected(now);
    this.send(false);
  }
  onUpstreamRefused(status: 502 | 504 = 502): void {
    const { plane } = this;
    const pool = this.pool!;
    pool.care.avoid(plane.tick() + plane.limits.avoidMs);
    if (this.lookup !== null) return this.giveBack();
    this.side!.strike(pool, plane.coarse);
    this.detach()?.destroy();
    // What of the body was sent on is gone.
    if (this.request.bytes === null) return this.fail('connect-failed', status);
    // Nothing was read by an instance, so whatever the method, another one may have it.
    this.wanted = null;
    (this.tried ??= []).push(pool);
    if (this.side!.pick(plane.coarse, this.tried) === undefined) return this.fail('connect-failed', status);
    this.side!.tally.retried++;
    this.attempt(false, true);
  }
  onUpstreamUnprocessed(): void {
    if (this.lookup?.asking === true) return this.giveBack();
    if (this.request.bytes === null || this.responseHead !== null || this.refusals >= mostRefusals)
      return this.fail('upstream-closed', 502);
    this.refusals++;
    this.side!.tally.retried++;
    const pool = this.pool!;
    this.detach()?.destroy();
    // Another one first: this one may have more to do than it can. But it is well, and better than none.
    (this.tried ??= []).push(pool);
    if (this.side!.pick(this.plane.coarse, this.tried) === undefined) this.tried = null;
    this.attempt(false, true);
  }
  onUpstreamInvalid(): void {
    this.fail('upstream-invalid', 502);
  }
  onUpstreamDrain(): void {
    if (this.body.done) return;
    // The instance made the client wait: its time begins anew.
    this.client.deadline = this.body.giveTime(this.plane.tick(), this.side!.limits);
    this.client.resume();
  }
  onUpstreamEnd(): void {
    if (this.responseBegun && this.responseBody.endsByClose && this.headSent) this.responseWhole();
    else this.onUpstreamClose();
  }
  onUpstreamClose(): void {
    if (this.lookup?.asking === true) return this.askBeforeAgain();
    if (this.responseBegun) return this.fail('upstream-truncated', 502);
    if (this.responseHead !== null) return this.fail('upstream-truncated', 502);
    const upstream = this.upstream!;
    if (!upstream.reused || this.request.bytes === null || this.repeated || !isIdempotent(this.method))
      return this.fail('upstream-closed', 502);
    // The connection had been closed at the other end before the request got there, or so it seems; doing it twice is doing it once.
    this.repeated = true;
    this.side!.tally.retried++;
    this.detach()?.destroy();
    this.attempt(false, false);
  }

  onUpstreamData(bytes: Uint8Array): void {
    if (this.headSent) {
      this.forwardResponse(bytes, 0);
      return;
    }
    if (this.lookup !== null && !this.lookup.asking) return this.takeIn(bytes, 0);
    const { plane } = this;
    const head = plane.responseHead;
    if (this.responseHead !== null) {
      const joined = new Uint8Array(this.responseHead.length + bytes.length);
      joined.set(this.responseHead);
      joined.set(bytes, this.responseHead.length);
      bytes = joined;
      this.responseHead = null;
    }
    for (let from = 0; from < bytes.length;) {
      const read = parseResponseHead(
        bytes,
        from,
        bytes.length,
        head,
        plane.limits.responseHead,
        this.method === Method.head,
      );
      if (read === 0) {
        this.responseHead = from === 0 ? bytes : bytes.slice(from);
        return;
      }
      if (read < 0) return this.fail('upstream-invalid', 502);
      if (this.lookup !== null) {
        if (head.status >= 200 || head.status === 101) return this.judgeBefore(bytes, read);
        from = read;
        continue;
      }
      if (head.status === 404 && this.side!.before !== null && this.holdsBack(bytes, read)) return;
      this.request.forget();
      if (head.status >= 200) return this.beginResponse(bytes, read);
      if (head.status === 101) return this.beginTunnel(bytes, read);
      this.forwardInterim(bytes, read);
      from = read;
    }
  }

  /** 100, 102, 103: an old client does not know them (RFC 9110 §15.2). */
  private forwardInterim(bytes: Uint8Array, end: number): void {
    const { plane, client } = this;
    const head = plane.responseHead;
    client.deadline = plane.tick() + this.side!.limits.responseMs;
    if (this.oldClient) return;
    let flowing: boolean;
    if (head.plain) flowing = client.write(bytes, head.start, end, true);
    else
      flowing = client.write(
        plane.scratch,
        0,
        writeResponseHead(bytes, head, Persistence.silent, plane.scratch),
        false,
      );
    this.side!.tally.bytesOut += end - head.start;
    if (this.account !== null) this.account.bytesOut += end - head.start;
    if (!flowing) this.upstream!.pause();
  }

  private beginTunnel(bytes: Uint8Array, end: number): void {
    const { client, side } = this;
    if (!this.upgrade) return this.fail('upstream-invalid', 502);
    const { tally } = side!;
    const upstream = this.upstream!;
    tally.upgrades++;
    tally.answered(101);
    if (!isSafe(this.method)) tally.writes++;
    const pool = this.pool!;
    const { account } = this;
    const { start } = this.plane.responseHead;
    const renewed = this.renewing === null ? null : this.renewal();
    const { admission } = this.target!;
    const cookie = admission === null ? renewed : joined(renewed, admission.mark);
    if (account !== null) {
      account.upgraded = true;
      account.answered(101, this.plane.tick(), bytes, start, end);
    }
    this.side = null;
    this.upstream = null;
    this.pool = null;
    this.account = null;
    this.target = null;
    this.wanted = this.held = this.renewing = null;
    const kind = isWebSocket(bytes, start, end) ? 'websockets' : 'tunnels';
    const tunnel = new Tunnel(client, upstream, side!, pool, account, kind);
    if (cookie === null) return tunnel.begin(bytes, start, end);
    const head = withLine(bytes, start, end, cookie);
    const whole = new Uint8Array(head.length + bytes.length - end);
    whole.set(head);
    whole.set(bytes.subarray(end), head.length);
    tunnel.begin(whole, 0, head.length);
  }

  private beginResponse(bytes: Uint8Array, end: number): void {
    const { plane, client } = this;
    const head = plane.responseHead;
    const upstream = this.upstream!;
    this.responseBegun = true;
    this.status = head.status;
    this.upstreamStays = head.keepAlive;
    this.idleSeconds = head.idleSeconds;
    const body = this.responseBody;
    const to = body.begin(head, bytes, end, this.oldClient);
    if (to < 0) return this.fail('upstream-invalid', 502);
    const { whole } = body;
    // An answer before the whole request ends the connection after it: the rest of the request is not waited for.
    if (!this.body.done || plane.draining || client.ended || body.unchunk || body.endsByClose)
      this.keepAlive = false;

    this.headSent = true;
    let flowing: boolean;
    const lines = client.point.entry?.lines ?? null;
    const { admission } = this.target!;
    const cookie = this.renewing === null ? null : this.renewal();
    if (
      admission === null &&
      head.plain &&
      this.keepAlive &&
      !this.oldClient &&
      lines === null &&
      cookie === null
    )
      flowing = client.write(bytes, head.start, to, true);
    else {
      if (body.unchunk) head.cuts.insert(head.transferFrom, head.transferTo);
      const persistence = !this.keepAlive
        ? Persistence.close
        : this.oldClient
          ? Persistence.keepAlive
          : Persistence.silent;
      const { scratch } = plane;
      const last = whole && !this.keepAlive && this.body.done;
      if (admission !== null) cutCacheFields(bytes, head);
      const more = admission === null ? cookie : joined(cookie, admission.mark);
      let length = writeResponseHead(bytes, head, persistence, scratch, lines, more);
      if (to - end <= scratch.length - length) {
        scratch.set(bytes.subarray(end, to), length);
        length += to - end;
        flowing = last
          ? client.writeLast(scratch, 0, length, false)
          : client.write(scratch, 0, length, false);
      } else {
        client.write(scratch, 0, length, false);
        flowing = last ? client.writeLast(bytes, end, to, true) : client.write(bytes, end, to, true);
      }
    }
    this.side!.tally.bytesOut += to - head.start;
    if (this.account !== null) {
      this.account.answered(head.status, plane.tick(), bytes, head.start, end);
      this.account.bytesOut += to - head.start;
    }
    if (whole) {
      if (to < bytes.length) this.upstreamStays = false;
      this.responseWhole();
      return;
    }
    client.deadline = plane.tick() + this.side!.limits.responseIdleMs;
    if (body.unchunk) this.forwardResponse(bytes, end);
    else if (!flowing) this.waitForClient(upstream);
  }

  /** The line that has the client come back to this instance, or to its side; null if it does already. */
  private renewal(): Uint8Array | null {
    return this.renewing!.renewal(this.side!, this.pool!, this.held);
  }

  private forwardResponse(bytes: Uint8Array, from: number): void {
    const { client, plane } = this;
    const body = this.responseBody;
    let flowing = true;
    const to = body.take(
      bytes,
      from,
      body.unchunk ? (a, b) => void (flowing = client.write(bytes, a, b, true) && flowing) : undefined,
    );
    if (to < 0) return this.fail('upstream-invalid', 502);
    const { whole } = body;
    if (whole && !this.keepAlive && this.body.done && !body.unchunk)
      flowing = client.writeLast(bytes, from, to, true);
    else if (!body.unchunk) flowing = client.write(bytes, from, to, true);
    this.side!.tally.bytesOut += to - from;
    if (this.account !== null) this.account.bytesOut += to - from;
    client.deadline = plane.tick() + this.side!.limits.responseIdleMs;
    if (whole) {
      if (to < bytes.length) this.upstreamStays = false;
      this.responseWhole();
    } else if (!flowing) this.waitForClient(this.upstream!);
  }

  /** The client does not take more: until it does, it is what is waited for. */
  private waitForClient(upstream: UpstreamConnection): void {
    this.client.deadline = this.plane.coarse + this.side!.limits.bodyIdleMs;
    upstream.pause();
  }

  /** The client may ask again: only then is a connection of its own worth keeping. */
  private get clientStays(): boolean {
    return this.keepAlive || this.client.multiplexed;
  }

  /** The instance has done its part: its connection rests in the pool, if nothing is left on it in either direction. */
  private responseWhole(): void {
    this.responseDone = true;
    if (this.upstream !== null) this.freeInstance();
    const { client } = this;
    if (client.outlet.empty) this.complete();
    else client.deadline = this.plane.coarse + this.side!.limits.bodyIdleMs;
  }

  private freeInstance(): void {
    const pool = this.pool!;
    if (this.status >= 500) this.side!.strike(pool, this.plane.coarse);
    else if (pool.care.strikes !== 0) pool.care.strikes = 0;
    const upstream = this.detach()!;
    const stays = this.body.done && this.upstreamStays && !upstream.ended && upstream.outlet.empty;
    if (stays && (upstream.greeting === null || this.clientStays)) upstream.rest(this.idleSeconds);
    else upstream.destroy(!this.body.done);
  }

  // The side before, where the live one answers 404.

  /** True if the 404 whose head ends at `end` is held back, because the side before may have what was asked for. */
  private holdsBack(bytes: Uint8Array, end: number): boolean {
    const { plane } = this;
    const { bytes: request, from, to } = this.request;
    const { before } = this.side!;
    const head = plane.responseHead;
    if (before === null || request === null || !this.body.done || this.target!.admission !== null)
      return false;
    // Whose end is only that of its connection is not known to be whole.
    if (head.framing === Framing.untilClose) return false;
    parseRequestHead(request, from, to, plane.requestHead, readOnce);
    if (!before.mayHave(request, plane.requestHead)) return false;
    const pool = before.side.pick(plane.coarse, null);
    if (pool?.care.takes(plane.coarse) !== true) return false;
    this.lookup = new AssetLookup(bytes, head, this.method);
    this.lender = before.side;
    before.side.inFlight++;
    before.side.tally.inFlight++;
    this.status = 404;
    this.upstreamStays = head.keepAlive;
    this.idleSeconds = head.idleSeconds;
    // A cookie that keeps a client where it is would name an instance of either side.
    this.renewing = null;
    this.takeIn(bytes, end);
    return true;
  }

  private takeIn(bytes: Uint8Array, from: number): void {
    const { plane, client } = this;
    const lookup = this.lookup!;
    const end = lookup.feed(bytes, from);
    if (end === -2) return this.fail('upstream-invalid', 502);
    client.deadline = plane.tick() + this.side!.limits.responseIdleMs;
    if (end === -1 && !lookup.tooLong) return;
    if (end !== bytes.length) this.upstreamStays = false;
    this.freeInstance();
    lookup.asking = true;
    this.repeated = false;
    this.askBefore(true);
  }

  private askBefore(reuse: boolean): void {
    const pool = this.lender!.pick(this.plane.coarse, null);
    if (pool === undefined) return this.giveBack();
    this.pool = pool;
    pool.inFlight++;
    this.askInstance(pool, false, reuse);
  }

  /** Its connection was closed. One that had been idle may have been so before the request got there: once more, over a new one. */
  private askBeforeAgain(): void {
    if (this.upstream?.reused !== true || this.repeated || this.responseHead !== null) return this.giveBack();
    this.repeated = true;
    this.detach()?.destroy();
    this.askBefore(false);
  }

  /** What the side before has said. */
  private judgeBefore(bytes: Uint8Array, end: number): void {
    if (!isFound(this.plane.responseHead.status)) return this.giveBack();
    this.lookup = null;
    this.request.forget();
    this.side!.tally.fromBefore++;
    this.beginResponse(bytes, end);
  }

  /** It has nothing better: the client gets the 404 as it came. */
  private giveBack(): void {
    const { plane } = this;
    const { original } = this.lookup!;
    this.lookup = null;
    this.responseHead = null;
    this.detach()?.destroy(true);
    this.returnLent();
    this.request.forget();
    const read = parseResponseHead(
      original,
      0,
      original.length,
      plane.responseHead,
      plane.limits.responseHead,
      this.method === Method.head,
    );
    this.beginResponse(original, read);
  }

  private returnLent(): void {
    const { lender } = this;
    if (lender === null) return;
    this.lender = null;
    lender.inFlight--;
    lender.tally.inFlight--;
  }

  // The four ends.

  private complete(): void {
    const { plane, client } = this;
    const { done } = this.body;
    const { tally } = this.side!;
    tally.answered(this.status);
    if (!isSafe(this.method)) tally.writes++;
    tally.took((plane.tick() - this.startedAt) * 1000);
    if (this.account !== null) this.closeAccount(null, this.status);
    this.leave();
    client.next(this.keepAlive, done);
  }

  private fail(cause: FailureCause, status: AnswerStatus): void {
    if (this.lookup?.asking === true) {
      this.pool?.care.avoid(this.plane.tick() + this.plane.limits.avoidMs);
      return this.giveBack();
    }
    const { plane, client } = this;
    this.side!.tally.failedFor(cause);
    if (this.account !== null) this.closeAccount(cause, this.headSent ? this.status : status);
    // At the end of a drain everything is cut, whatever the instance does.
    if (this.pool !== null && !plane.draining) this.side!.strike(this.pool, plane.coarse);
    this.detach()?.destroy(true);
    const madeId = client.pages !== null && this.side!.tracing?.requestId ? this.trace!.madeId() : null;
    this.leave();
    if (this.headSent) return client.terminate();
    const keepAlive = this.keepAlive && this.body.done && !this.oldClient && !client.ended && !plane.draining;
    client.answer(status, !keepAlive, this.method !== Method.head, madeId);
    client.next(keepAlive, this.body.done);
  }

  /** The client's body is not what its framing says, or longer than is allowed. */
  private reject(status: 400 | 413): void {
    if (this.account !== null) {
      this.account.detail = status === 400 ? 'chunked body malformed' : 'body too long';
      this.closeAccount('refused', this.headSent ? this.status : status);
    }
    this.detach()?.destroy(true);
    this.leave();
    if (this.headSent) this.client.terminate();
    else this.client.refuse(status, null);
  }

  /** `status`: what it is answered with nevertheless; 0: nothing more. */
  private abandon(status: 0 | 408 = 0): void {
    if (this.account !== null) {
      if (status !== 0) this.account.detail = 'the body took too long';
      this.closeAccount(
        status === 0 ? 'client-closed' : 'refused',
        status === 0 && this.headSent ? this.status : status,
      );
    }
    this.side!.tally.clientClosed++;
    this.detach()?.destroy(true);
    this.leave();
  }

  private closeAccount(cause: AccountCause | null, status: number): void {
    const { account } = this;
    this.account = null;
    account?.close(this.plane.tick(), cause, status);
  }

  private detach(): UpstreamConnection | null {
    const { upstream } = this;
    if (upstream === null) return null;
    upstream.user = null;
    this.upstream = null;
    this.pool!.inFlight--;
    this.pool = null;
    const { queue } = this.side!;
    if (queue !== null) queue.freed();
    return upstream;
  }
  private leave(): void {
    if (this.queue !== null) {
      this.queue.waiting.delete(this);
      this.queue = null;
    }
    const side = this.side!;
    if (this.copy !== null) {
      this.copy.end(this.plane.coarse - this.startedAt);
      this.copy = null;
    }
    side.inFlight--;
    side.tally.inFlight--;
    this.side = null;
    this.target = null;
    this.wanted = this.held = this.renewing = null;
    this.request.forget();
    this.responseHead = null;
    this.lookup = null;
    if (this.lender !== null) this.returnLent();
  }
}
