import { bucketCount, bucketOf, sparse, type Histogram } from '../latency.ts';
import type { Colour } from '../colour.ts';
import { explains, type Difference } from './difference.ts';
import type { DiffExample, DiffReport, RouteDiff, SkipReason } from './diff-report.ts';
import { otherRoutes } from './route-pattern.ts';

const mostRoutes = 200;
const mostCauses = 50;
const mostSets = 100;
const examplesEach = 3;
/** So often a cause is looked at in live itself before it is only now and then. */
const surelyControlled = 20;
const controlledOnceIn = 5;

/** Which mirror of which service a report is of. */
export interface DiffSubject {
  readonly service: string;
  readonly id: string;
  readonly from: Colour;
  readonly to: Colour;
  readonly releases: DiffReport['releases'];
  readonly share: number;
}

class Latencies {
  readonly #counts = new Float64Array(bucketCount);
  constructor(histogram: Histogram = []) {
    for (const [bucket, count] of histogram) this.#counts[bucket] = count;
  }
  took(us: number): void {
    const bucket = bucketOf(us);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }
  get histogram(): Histogram {
    return sparse(this.#counts);
  }
}

interface Cause {
  readonly kind: Difference['kind'];
  readonly at: string;
  count: number;
  controls: number;
  explained: number;
  readonly examples: DiffExample[];
}

/** What is known of one route: bounded, whatever its answers are. */
class RouteTally {
  compared = 0;
  unlisted = 0;
  readonly causes: Cause[] = [];
  readonly #places = new Map<string, number>();
  readonly #sets = new Map<string, { readonly causes: number[]; count: number }>();
  readonly live: Latencies;
  readonly idle: Latencies;

  constructor(
    readonly route: string,
    former?: RouteDiff,
  ) {
    this.live = new Latencies(former?.latency.live);
    this.idle = new Latencies(former?.latency.idle);
    if (!former) return;
    this.compared = former.compared;
    this.unlisted = former.unlisted;
    for (const { kind, at, count, controls, explained, examples } of former.causes) {
      this.#places.set(`${kind} ${at}`, this.causes.length);
      this.causes.push({ kind, at, count, controls, explained, examples: [...examples] });
    }
    for (const { causes, count } of former.sets)
      this.#sets.set(causes.join(), { causes: [...causes], count });
  }

  cause({ kind, at }: Pick<Difference, 'kind' | 'at'>): number | undefined {
    const key = `${kind} ${at}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    if (this.causes.length >= mostCauses) return undefined;
    this.#places.set(key, this.causes.length);
    return this.causes.push({ kind, at, count: 0, controls: 0, explained: 0, examples: [] }) - 1;
  }

  add(present: readonly number[]): void {
    const key = present.join();
    const set = this.#sets.get(key);
    if (set !== undefined) set.count++;
    else if (this.#sets.size < mostSets) this.#sets.set(key, { causes: [...present], count: 1 });
    else this.unlisted++;
  }

  report(): RouteDiff {
    const { route, compared, unlisted, causes, live, idle } = this;
    return {
      route,
      compared,
      unlisted,
      causes: causes.map((cause) => ({ ...cause, examples: [...cause.examples] })),
      sets: [...this.#sets.values()].map(({ causes, count }) => ({ causes: [...causes], count })),
      latency: { live: live.histogram, idle: idle.histogram },
    };
  }
}

/** One request that was answered by both sides. */
export interface Compared {
  readonly route: string;
  readonly differences: readonly Difference[];
  /** How live differs from itself; null: it was not asked again. */
  readonly own: readonly Difference[] | null;
  /** As the client had it. */
  readonly usersUs: number;
  readonly idleUs: number;
  /** Of the second answer of live; null: there is none. */
  readonly liveUs: number | null;
  /** Called where one is wanted: the difference without its secrets. */
  readonly example: (difference: Difference) => DiffExample;
  /** The place of a cause as it may be shown. */
  readonly shownAt: (at: string) => string;
}

/** Adds up what a mirror finds, in bounded memory. `report` is all of it: a tally made from that goes on where it ended. */
export class DiffTally {
  chosen = 0;
  controls = 0;
  readonly #skipped = new Map<SkipReason, number>();
  readonly #routes = new Map<string, RouteTally>();
  readonly #users: Latencies;
  readonly #live: Latencies;
  readonly #idle: Latencies;
  readonly #startedAt: number;
  readonly #restarts: number;
  #doubts = 0;

  constructor(
    private readonly subject: DiffSubject,
    now: number,
    former: DiffReport | null = null,
  ) {
    this.#startedAt = former?.startedAt ?? now;
    this.#restarts = former === null ? 0 : former.restarts + 1;
    this.#users = new Latencies(former?.latency.users);
    this.#live = new Latencies(former?.latency.live);
    this.#idle = new Latencies(former?.latency.idle);
    if (former === null) return;
    this.chosen = former.chosen;
    this.controls = former.controls;
    for (const route of former.routes) this.#routes.set(route.route, new RouteTally(route.route, route));
    for (const [reason, count] of Object.entries(former.skipped)) this.skip(reason as SkipReason, count);
  }

  skip(reason: SkipReason, count = 1): void {
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + count);
  }

  /** Whether live should be asked the same again: the differences have a cause of which too little is known. */
  wantsControl(route: string, differences: readonly Difference[], shownAt: (at: string) => string): boolean {
    if (differences.length === 0) return false;
    const tally = this.#routes.get(route);
    const unsure = differences.some(({ kind, at }) => {
      const index = tally?.cause({ kind, at: shownAt(at) });
      const cause = index === undefined ? undefined : tally?.causes[index];
      return cause === undefined || cause.controls < surelyControlled;
    });
    return unsure || ++this.#doubts % controlledOnceIn === 0;
  }

  add({ route, differences, own, usersUs, idleUs, liveUs, example, shownAt }: Compared): void {
    const tally = this.#routeOf(route);
    tally.compared++;
    this.#users.took(usersUs);
    this.#idle.took(idleUs);
    tally.live.took(usersUs);
    tally.idle.took(idleUs);
    if (liveUs !== null) {
      this.controls++;
      this.#live.took(liveUs);
    }
    if (differences.length === 0) return;
    const present: number[] = [];
    for (const found of differences) {
      const index = tally.cause({ kind: found.kind, at: shownAt(found.at) });
      const cause = index === undefined ? undefined : tally.causes[index];
      if (index === undefined || cause === undefined) {
        tally.unlisted++;
        return;
      }
      present.push(index);
      cause.count++;
      if (own !== null) {
        cause.controls++;
        if (own.some((each) => explains(each, found))) cause.explained++;
      }
      if (cause.examples.length < examplesEach) cause.examples.push(example(found));
    }
    tally.add(present.sort((a, b) => a - b));
  }

  report(now: number, running: boolean): DiffReport {
    return {
      format: 1,
      ...this.subject,
      startedAt: this.#startedAt,
      updatedAt: now,
      chosen: this.chosen,
      skipped: Object.fromEntries(this.#skipped),
      controls: this.controls,
      latency: {
        users: this.#users.histogram,
        live: this.#live.histogram,
        idle: this.#idle.histogram,
      },
      routes: [...this.#routes.values()].map((route) => route.report()),
      running,
      restarts: this.#restarts,
    };
  }

  #routeOf(route: string): RouteTally {
    const known = this.#routes.get(route);
    if (known !== undefined) return known;
    const name = this.#routes.size < mostRoutes - 1 ? route : otherRoutes;
    let tally = this.#routes.get(name);
    if (tally === undefined) this.#routes.set(name, (tally = new RouteTally(name)));
    return tally;
  }
}
