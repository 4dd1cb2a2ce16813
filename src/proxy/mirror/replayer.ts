import { other } from '../../core/colour.ts';
import { Comparison } from '../../core/mirror/comparison.ts';
import type { DiffReport } from '../../core/mirror/diff-report.ts';
import { DiffTally } from '../../core/mirror/diff-tally.ts';
import { difference, type Difference } from '../../core/mirror/difference.ts';
import { Redaction } from '../../core/mirror/redaction.ts';
import { routePattern } from '../../core/mirror/route-pattern.ts';
import type { RouteMirror } from '../../core/mirror/route-mirror.ts';
import type { Route } from '../../core/traffic.ts';
import type { InstancePool } from '../worker/instance-pool.ts';
import type { Plane } from '../worker/plane.ts';
import { AnswerReader, comparable, type RawAnswer } from './answer-reader.ts';
import type { CopyFrame, CountsFrame } from './frame.ts';
import { MirroredRequest } from './mirrored-request.ts';
import { type Outcome, Replay, type Sendable } from './replay.ts';

/** What waits may take at most so much memory, however few copies it is. */
const mostWaitingBytes = 64 * 1024 * 1024;
/** What has waited for longer is not sent: live's answer is of another moment. */
const freshMs = 2000;
/** Decoded, a body may be so many times as long as it came. */
const decodedTimes = 8;
const leastDecodedBytes = 1_048_576;
/** Patterns and places that are known by what they are made from; more are made anew each time. */
const mostKnown = 4096;

interface Waiting {
  readonly copy: CopyFrame;
  readonly since: number;
}

/** What a copy needs until it is compared. */
interface Job {
  readonly request: MirroredRequest;
  readonly route: string;
  readonly live: RawAnswer;
  readonly usersUs: number;
  readonly sendable: Sendable;
}

/** Sends the copies of one mirror to the other side, compares what comes, and adds it up. Bounded in all it holds. */
export class Replayer {
  readonly tally: DiffTally;
  /** Something was added since this was last set. */
  changed = true;
  /** No more copies come; null: they do. Since when, on the plane's clock. */
  endedAt: number | null = null;
  readonly #comparison: Comparison;
  readonly #redaction: Redaction;
  readonly #strip: ReadonlySet<string>;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  readonly #underWay = new Set<Replay>();
  readonly #routes = new Map<string, string>();
  readonly #places = new Map<string, string>();
  readonly #mostBytes: number;
  #turn = 0;

  constructor(
    private readonly plane: Plane,
    readonly route: Route,
    readonly mirror: RouteMirror,
    readonly service: string,
    /** The instances of the other side, and of live. */
    private pools: { readonly idle: readonly InstancePool[]; readonly live: readonly InstancePool[] },
    private readonly wallNow: () => number,
    former: DiffReport | null,
  ) {
    const { to, id, share } = mirror;
    const from = other(to);
    const releases = { live: route[from].release, idle: route[to].release };
    this.tally = new DiffTally({ service, id, from, to, releases, share }, wallNow(), former);
    this.#comparison = new Comparison(mirror);
    this.#redaction = new Redaction(mirror.redact);
    this.#strip = new Set(mirror.strip.map((name) => name.toLowerCase()));
    this.#mostBytes = Math.max(mirror.bodyBytes, 1);
  }

  /** Other instances than before. */
  use(pools: { readonly idle: readonly InstancePool[]; readonly live: readonly InstancePool[] }): void {
    this.pools = pools;
  }

  get idle(): boolean {
    return this.#underWay.size === 0 && this.#waiting.length === 0;
  }

  count({ chosen, skipped }: CountsFrame): void {
    this.changed = true;
    this.tally.chosen += chosen;
    for (const [reason, count] of skipped) this.tally.skip(reason, count);
  }

  take(copy: CopyFrame): void {
    if (this.#underWay.size < this.mirror.concurrency) return this.#begin(copy);
    const length = copy.request.length + copy.response.length;
    if (this.#waiting.length >= this.mirror.queue || this.#waitingBytes + length > mostWaitingBytes)
      return this.#skip('queue-full');
    this.#waitingBytes += length;
    // Its own bytes: the piece that it came in is much longer.
    const { request, response, greeting } = copy;
    const own = { ...copy, request: request.slice(), response: response.slice(), greeting: greeting.slice() };
    this.#waiting.push({ copy: own, since: this.plane.coarse });
  }

  /** Ends what has taken too long. To be called every few ten milliseconds. */
  sweep(now: number): void {
    for (const replay of [...this.#underWay]) if (now >= replay.deadline) replay.expire();
    this.#next();
  }

  #skip(reason: Parameters<DiffTally['skip']>[0]): void {
    this.changed = true;
    this.tally.skip(reason);
  }

  #next(): void {
    while (this.#underWay.size < this.mirror.concurrency) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#waitingBytes -= next.copy.request.length + next.copy.response.length;
      if (this.plane.tick() - next.since > freshMs) this.#skip('too-late');
      else this.#begin(next.copy);
    }
  }

  #begin(copy: CopyFrame): void {
    const request = MirroredRequest.read(copy.request, copy.headLength);
    if (request === null) return this.#skip('live-failed');
    const live = this.#answerIn(copy.response, request.toHead);
    if (typeof live === 'string') return this.#skip(live);
    if (/^text\/event-stream\b/i.test(live.headers.get('content-type') ?? '')) return this.#skip('stream');
    const { idempotent, toHead } = request;
    const greeting = copy.greeting.length === 0 ? null : copy.greeting;
    const sendable = { bytes: request.copy(this.#strip), toHead, idempotent, greeting };
    const route = this.#routeOf(request.method, request.target);
    this.#send(this.pools.idle, { request, route, live, usersUs: copy.usersUs, sendable }, (job, outcome) =>
      this.#compare(job, outcome),
    );
  }

  /** What live answered; why it cannot be compared if it cannot. */
  #answerIn(bytes: Uint8Array, toHead: boolean): RawAnswer | 'live-failed' | 'response-too-long' {
    const reader = new AnswerReader(toHead, this.#mostBytes);
    let progress = reader.feed(bytes);
    if (progress === 'more') progress = reader.end();
    if (progress === 'long') return 'response-too-long';
    return progress === 'whole' && reader.answer !== null ? reader.answer : 'live-failed';
  }

  #send(pools: readonly InstancePool[], job: Job, then: (job: Job, outcome: Outcome) => void): void {
    const pool = pools[this.#turn++ % (pools.length || 1)];
    if (pool === undefined) {
      then(job, { answer: null, failed: 'connection refused', tookMs: 0 });
      return;
    }
    const { timeoutMs } = this.mirror;
    const replay = new Replay(
      this.plane,
      pool,
      job.sendable,
      timeoutMs,
      this.#mostBytes,
      (replay, outcome) => {
        this.#underWay.delete(replay);
        then(job, outcome);
        this.#next();
      },
    );
    this.#underWay.add(replay);
    replay.start();
  }

  #compare(job: Job, outcome: Outcome): void {
    const differences = this.#differences(job.live, outcome);
    if (differences === null) return this.#skip('encoding');
    const { noise } = this.mirror;
    const { route, request } = job;
    if (!noise || !request.safe || !this.tally.wantsControl(route, differences, this.#shownAt))
      return this.#add(job, outcome, differences, null, null);
    this.#send(this.pools.live, job, (_job, again) => {
      const own = this.#differences(job.live, again);
      this.#add(job, outcome, differences, own, again);
    });
  }

  /** Null if the bodies cannot be compared. */
  #differences(live: RawAnswer, { answer, failed, tookMs }: Outcome): Difference[] | null {
    if (answer === null)
      return [
        difference(
          'no-answer',
          failed ?? '',
          `status ${live.status}`,
          `${failed} after ${Math.round(tookMs)} ms`,
        ),
      ];
    const most = Math.max(leastDecodedBytes, decodedTimes * this.#mostBytes);
    const both = comparable(live, answer, most);
    return both === undefined ? null : this.#comparison.differences(both.live, both.idle);
  }

  #add(
    { route, request, live, usersUs }: Job,
    { answer, tookMs }: Outcome,
    differences: readonly Difference[],
    own: readonly Difference[] | null,
    again: Outcome | null,
  ): void {
    this.changed = true;
    const liveUs = again === null ? null : again.tookMs * 1000;
    this.tally.add({
      ...{ route, differences, own, usersUs, idleUs: tookMs * 1000, liveUs },
      shownAt: this.#shownAt,
      example: (found) => ({
        at: this.wallNow(),
        ...request.shown(this.#redaction),
        status: { live: live.status, idle: answer?.status ?? null },
        live: this.#shown(found, found.live),
        idle: this.#shown(found, found.idle),
      }),
    });
  }

  #shown({ kind, at, place }: Difference, value: unknown): string | null {
    const { header, line, value: json } = this.#redactions;
    if (kind === 'header') return header(at, typeof value === 'string' ? value : undefined);
    if (kind === 'text') return typeof value === 'string' ? line(value) : null;
    // What we have put into words ourselves.
    if (place === null || kind === 'length') return value === undefined ? null : String(value);
    return json(place, value);
  }
  get #redactions() {
    const redaction = this.#redaction;
    return {
      header: redaction.header.bind(redaction),
      line: redaction.line.bind(redaction),
      value: redaction.value.bind(redaction),
    };
  }

  /** A route's name, without what the rules take for a secret. */
  #routeOf(method: string, target: string): string {
    return remembered(this.#routes, `${method} ${target}`, () =>
      this.#redaction.plain(routePattern(method, target)),
    );
  }
  readonly #shownAt = (at: string): string => remembered(this.#places, at, () => this.#redaction.plain(at));
}

function remembered(known: Map<string, string>, key: string, make: () => string): string {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  if (known.size >= mostKnown) known.clear();
  known.set(key, made);
  return made;
}
