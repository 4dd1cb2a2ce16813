import { CutoverError, errorRecord } from '../core/errors.ts';
import type { RouteProxies } from '../core/proxies/rules.ts';
import { other, type Colour } from '../core/colour.ts';
import {
  committed,
  epochOf,
  newStanding,
  prepared,
  promised,
  released,
  type Standing,
  type Turn,
} from '../core/proxies/standing.ts';
import { type Conduct, Vigil } from '../core/proxies/vigil.ts';
import { type Counters, emptySide, type Route } from '../core/traffic.ts';
import type { Clock } from '../ports/clock.ts';
import type { Committed, Look, LookOrder, PrepareOrder } from '../proxy/admin/joint.ts';
import type { RouteCopies } from '../routers/joint/decided-routes.ts';
import { applyJointly, type JointParts, type PartDone } from '../routers/joint/joint-apply.ts';
import type { Member } from '../routers/joint/member.ts';
import { Roll } from '../routers/joint/roll.ts';
import { tend } from '../routers/joint/tend.ts';
import type { Random } from './load/random.ts';

/** A defect that is put in on purpose, to see that the simulation finds it. */
export type JointFault =
  | 'promise-not-on-disk'
  | 'hold-ends-by-the-old-route'
  | 'commit-before-the-decision'
  | 'leases-are-not-waited-for'
  | 'the-decision-is-not-fenced'
  | 'starts-without-asking';

const service = 'shop';
const longestHoldMs = 2000;

/** Time that passes from event to event. */
class Timeline {
  now = 1_000_000;
  #seq = 0;
  readonly #queue: { at: number; seq: number; act: () => void }[] = [];

  after(ms: number, act: () => void): void {
    const event = { at: this.now + Math.max(0, ms), seq: this.#seq++, act };
    const before = (a: typeof event, b: typeof event): boolean =>
      a.at < b.at || (a.at === b.at && a.seq < b.seq);
    // A heap: thousands of events are on their way at a time.
    let at = this.#queue.push(event) - 1;
    for (;;) {
      const parent = (at - 1) >> 1;
      const above = this.#queue[parent];
      if (at === 0 || !above || !before(event, above)) break;
      this.#queue[at] = above;
      at = parent;
    }
    this.#queue[at] = event;
  }

  next(): boolean {
    const [first] = this.#queue;
    const last = this.#queue.pop();
    if (!first || !last) return false;
    if (first !== last) {
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        const left = this.#queue[child];
        if (!left) break;
        const right = this.#queue[child + 1];
        let least = left;
        if (right && (right.at < left.at || (right.at === left.at && right.seq < left.seq))) {
          child++;
          least = right;
        }
        if (last.at < least.at || (last.at === least.at && last.seq < least.seq)) break;
        this.#queue[at] = least;
        at = child;
      }
      this.#queue[at] = last;
    }
    this.now = Math.max(this.now, first.at);
    first.act();
    return true;
  }
}

const counters = (): Counters => ({
  bootId: 'simulated',
  at: 0,
  blue: emptySide(),
  green: emptySide(),
  refused: {},
  told: { lines: 0, linesDropped: 0, spans: 0, spansDropped: 0 },
  queued: 0,
});

/** One proxy: what is on its disk, and what it knows while it runs. */
class SimulatedProxy {
  standing: Standing = newStanding(service);
  inForce: Route | null = null;
  up = true;
  /** No message passes, in either direction. */
  cut = false;
  #boots = 0;
  #vigil: Vigil;
  #bootId: string;
  /** When something was last said to it that it may hold for, or it started. */
  #heardAt = 0;

  constructor(
    readonly name: string,
    private readonly world: JointWorld,
    /** Its clock goes at a rate and from a start of its own. */
    private readonly rate: number,
    private readonly offset: number,
  ) {
    this.#vigil = new Vigil(this.clock, 0);
    this.#bootId = `${name}#0`;
  }

  get clock(): number {
    return this.world.time.now * this.rate + this.offset;
  }

  get #epoch(): number {
    return epochOf(this.standing, this.inForce);
  }

  die(): void {
    this.up = false;
    if (this.world.fault === 'promise-not-on-disk') this.standing = { ...this.standing, promised: null };
  }

  start(): void {
    this.up = true;
    this.#heardAt = this.clock;
    this.#bootId = `${this.name}#${++this.#boots}`;
    this.#vigil = new Vigil(this.clock, this.inForce?.proxies?.holdMs ?? 0);
    if (this.world.fault === 'starts-without-asking') this.#vigil.leased(this.clock + 60_000);
  }

  conduct(): Conduct {
    const rules = this.inForce?.proxies;
    const { conduct } = this.#vigil.conductAt(this.clock, rules, this.standing.promised);
    if (this.world.fault === 'hold-ends-by-the-old-route' && conduct === 'closed' && this.standing.promised)
      return 'serve';
    return conduct;
  }

  /** What a request that comes now meets. */
  request(): void {
    if (!this.up || !this.inForce) return;
    const conduct = this.conduct();
    if (conduct === 'serve') this.world.begun(this, this.inForce);
    const heldMs = this.clock - this.#heardAt;
    if (conduct === 'hold' && heldMs > 1.01 * longestHoldMs)
      this.world.violated(`${this.name} has held for ${heldMs} ms, and heard nothing meanwhile`);
  }

  look({ leases }: LookOrder): Look {
    for (const { epoch, bootId, untilMs } of leases)
      if (bootId === this.#bootId && epoch === this.#epoch && !this.standing.promised)
        this.#vigil.leased(untilMs);
    return {
      protocol: 1,
      bootId: this.#bootId,
      clockMs: this.clock,
      services: [
        {
          service,
          epoch: this.inForce?.epoch ?? 0,
          live: this.inForce?.live ?? null,
          prepared: this.standing.prepared?.turn ?? null,
          promised: this.standing.promised,
          conduct: this.conduct(),
          rules: this.inForce?.proxies ?? null,
          overrun: 0,
        },
      ],
      version: '0',
      pid: 1,
      workers: 1,
      warnings: [],
    };
  }

  prepare({ turn, route, decided }: PrepareOrder): void {
    if (this.#epoch === turn.epoch) return;
    this.standing = prepared(this.standing, this.#epoch, turn, route, decided);
    this.#vigil.prepared(turn, this.clock);
  }

  hold(turn: Turn): void {
    if (this.#epoch === turn.epoch) return;
    const again = this.standing.promised !== null;
    this.standing = promised(this.standing, this.#epoch, turn);
    if (again) return;
    this.#heardAt = this.clock;
    this.#vigil.promised(
      this.clock,
      this.standing.prepared?.route?.proxies?.holdMs ?? this.inForce?.proxies?.holdMs ?? 0,
    );
  }

  commit(turn: Turn): Committed {
    const done = committed(this.standing, this.#epoch, turn);
    if (done) {
      this.standing = done.standing;
      this.inForce = done.route;
      this.#vigil.committed(turn, done.route?.proxies);
    }
    return { holdMs: 0, held: 0, counters: counters() };
  }

  release(turn: Turn): void {
    this.standing = released(this.standing, turn);
  }
}

/** What is on the controller's disk. */
class Disk implements RouteCopies {
  epoch = 0;
  decided = 0;
  fence = 0;
  readonly routes = new Map<number, Route>();
  at = (_service: string, epoch: number): Route | undefined => this.routes.get(epoch);
  keep = (route: Route, decided: number): void => {
    for (const epoch of this.routes.keys()) if (epoch < decided) this.routes.delete(epoch);
    this.routes.set(route.epoch, route);
  };
}

const never = new Promise<never>(() => undefined);

/** One run of the controller's program: it switches back and forth, and looks at its proxies. */
class SimulatedController {
  dead = false;
  /** Nothing that it waits for comes before this. */
  frozenUntil = 0;
  readonly clock: Clock;
  readonly #parts: JointParts;
  readonly #roll: Roll;
  readonly #fence: number;
  #switching = false;
  #unsure = false;
  #attempts = 0;

  constructor(private readonly world: JointWorld) {
    const { disk } = world;
    this.#fence = ++disk.fence;
    this.clock = {
      now: () => world.time.now,
      monotonic: () => world.time.now,
      sleep: (ms) => this.#wakes(new Promise((resolve) => world.time.after(ms, resolve))),
    };
    this.#roll = new Roll(this.clock);
    if (world.fault === 'leases-are-not-waited-for') this.#roll.leaseLeftMs = () => 0;
    this.#parts = {
      clock: this.clock,
      roll: this.#roll,
      copies: disk,
      decided: () => disk.decided,
      // The log is asked: that takes a moment.
      inOffice: async () => {
        const mine = disk.fence === this.#fence;
        await this.clock.sleep(world.random.next() * 2);
        return mine || world.fault === 'the-decision-is-not-fenced';
      },
      nextTurn: (epoch) => ({ epoch, attempt: ++this.#attempts + 1000 * this.#fence }),
    };
    for (const proxy of world.proxies) void this.#tend(this.#member(proxy));
    void this.#switches();
  }

  /** What comes while it is frozen comes when it wakes up, and what comes when it is dead, never. */
  async #wakes<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } finally {
      while (!this.dead && this.world.time.now < this.frozenUntil)
        await new Promise<void>((resolve) =>
          this.world.time.after(this.frozenUntil - this.world.time.now, resolve),
        );
      if (this.dead) await never;
    }
  }

  #member(proxy: SimulatedProxy): Member {
    const call = <T>(act: () => T, timeoutMs: number): Promise<T> =>
      this.#wakes(this.world.message(proxy, act, timeoutMs));
    return {
      name: proxy.name,
      look: (order, ms) => call(() => proxy.look(order), ms),
      prepare: (order, ms) => call(() => proxy.prepare(order), ms),
      hold: (_service, turn, ms) => call(() => proxy.hold(turn), ms),
      commit: (_service, turn, ms) => call(() => proxy.commit(turn), ms),
      release: (_service, turn, ms) => call(() => proxy.release(turn), ms),
      counters: () => Promise.resolve(counters()),
      evict: () => Promise.resolve({ inFlight: 0 }),
    };
  }

  async #tend(member: Member): Promise<void> {
    for (;;) {
      await tend(
        {
          ...this.#parts,
          services: () => [service],
          ifIdle: async (_service, act) => {
            if (this.#switching || this.#unsure) return;
            this.#switching = true;
            try {
              await act();
            } finally {
              this.#switching = false;
            }
          },
        },
        member,
      ).catch((error: unknown) => expected(error));
      await this.clock.sleep(500);
    }
  }

  async #switches(): Promise<void> {
    const { world } = this;
    const { disk, random } = world;
    for (;;) {
      await this.clock.sleep(200 + random.next() * 3000);
      if (world.quiet) continue;
      while (this.#switching) await this.clock.sleep(20);
      this.#switching = true;
      try {
        if (disk.fence !== this.#fence) return;
        const former = disk.routes.get(disk.decided);
        const live: Colour = former ? other(former.live) : 'blue';
        const route = world.route(++disk.epoch, live);
        // Where a controller dies and the next one goes on: the same step is taken again, under a new epoch.
        const names = new Set([...(route.proxies?.names ?? []), ...(former?.proxies?.names ?? [])]);
        const members = world.proxies
          .filter(({ name }) => names.has(name))
          .map((proxy) => this.#member(proxy));
        const decide = async (): Promise<void> => {
          await this.clock.sleep(random.next() * 3);
          if (disk.fence !== this.#fence && world.fault !== 'the-decision-is-not-fenced')
            throw new CutoverError('lease-lost', 'another controller has taken over');
          this.#unsure = true;
          disk.decided = Math.max(disk.decided, route.epoch);
          // It is on disk; the controller may not live to hear of it.
          await this.clock.sleep(random.next() * 3);
          this.#unsure = false;
        };
        const early = world.fault === 'commit-before-the-decision';
        const done = await applyJointly(
          this.#parts,
          members,
          former,
          route,
          early ? () => Promise.resolve() : decide,
        );
        if (early) await decide();
        world.returned(route, done);
        this.#unsure = false;
      } catch (error) {
        expected(error);
        this.#unsure = false;
      } finally {
        this.#switching = false;
      }
    }
  }
}

/** What may be refused in a world of lost messages and several controllers. */
function expected(error: unknown): void {
  const { code } = errorRecord(error);
  if (!['proxy-absent', 'stale-epoch', 'not-ready', 'lease-lost'].includes(code)) throw error;
}

/** What kind of rules the service has in a schedule. */
export const rulesKinds = ['refuse', 'leases', 'serve', 'changing'] as const;
export type RulesKind = (typeof rulesKinds)[number];

/**
 * N proxies and a controller that switches back and forth, while messages are lost, late and doubled, proxies are cut off, die and start from their disk, and
 * controllers die, or freeze and wake up when there is another. Users ask every proxy all the time.
 */
export class JointWorld {
  readonly time = new Timeline();
  readonly disk = new Disk();
  readonly proxies: SimulatedProxy[];
  quiet = false;
  switches = 0;
  readonly violations: string[] = [];
  /** The newest epoch by which a request was begun, at whichever proxy. */
  #begunBy = 0;
  #returned: { readonly epoch: number; readonly told: ReadonlySet<string> } = { epoch: 0, told: new Set() };
  #controller: SimulatedController;
  #error: unknown = null;

  constructor(
    readonly random: Random,
    private readonly kind: RulesKind,
    readonly fault: JointFault | null = null,
  ) {
    const count = 2 + Math.floor(random.next() * 3);
    this.proxies = Array.from(
      { length: count },
      (_, index) =>
        new SimulatedProxy(`edge${index + 1}`, this, 0.997 + random.next() * 0.006, random.next() * 1e6),
    );
    this.#controller = new SimulatedController(this);
    this.#strike();
  }

  route(epoch: number, live: Colour): Route {
    const { random, kind } = this;
    const leases = { missing: 'go-on', unreachable: 'wait' } as const;
    const refuse = { missing: 'refuse', unreachable: 'wait' } as const;
    const serve = { missing: 'go-on', unreachable: 'serve' } as const;
    const of = { refuse, leases, serve, changing: random.next() < 0.5 ? leases : refuse }[kind];
    // Now and then one of them leaves, and comes again.
    const all = this.proxies.map(({ name }) => name);
    const names = random.next() < 0.1 && all.length > 2 ? all.slice(1) : all;
    const proxies: RouteProxies = { ...of, names, holdMs: random.between(500, longestHoldMs), leaseMs: 3000 };
    return {
      service,
      epoch,
      live,
      listen: { host: '127.0.0.1', port: 80 },
      preview: null,
      previewHost: null,
      blue: { release: 1, instances: [] },
      green: { release: 2, instances: [] },
      proxies,
    };
  }

  /** One order and its answer: each may be late, lost or doubled. */
  message<T>(proxy: SimulatedProxy, act: () => T, timeoutMs: number): Promise<T> {
    const { random, time } = this;
    const travel = (): number =>
      !this.quiet && random.next() < 0.03 ? random.next() * 4000 : 1 + random.next() * 10;
    const passes = (): boolean => !proxy.cut && (this.quiet || random.next() > 0.03);
    return new Promise((resolve, reject) => {
      time.after(timeoutMs, () =>
        reject(new CutoverError('proxy-absent', `${proxy.name} does not answer within ${timeoutMs} ms`)),
      );
      const copies = !this.quiet && random.next() < 0.05 ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        if (!passes()) continue;
        time.after(travel(), () => {
          if (!proxy.up || proxy.cut) return;
          let settle: () => void;
          try {
            const answer = act();
            settle = () => resolve(answer);
          } catch (error) {
            settle = () => reject(error instanceof Error ? error : new Error(String(error)));
          }
          if (passes()) time.after(travel(), settle);
        });
      }
    });
  }

  begun(proxy: SimulatedProxy, { epoch }: Route): void {
    const { epoch: returned, told } = this.#returned;
    if (epoch < returned && !(this.kind === 'serve' && told.has(proxy.name)))
      this.violated(
        `${proxy.name} begins a request by epoch ${epoch} after the switch of ${returned} returned`,
      );
    if (this.kind !== 'serve' && epoch < this.#begunBy)
      this.violated(
        `${proxy.name} begins a request by epoch ${epoch} after one was begun by ${this.#begunBy}`,
      );
    this.#begunBy = Math.max(this.#begunBy, epoch);
  }

  returned({ epoch }: Route, done: readonly PartDone[]): void {
    this.switches++;
    // Who was told of before stays away until it has been brought up to date.
    const told = done.filter(({ state }) => state !== 'in-force').map(({ name }) => name);
    const behind = [...this.#returned.told].filter((name) => !done.some((part) => part.name === name));
    this.#returned = { epoch, told: new Set([...told, ...behind]) };
  }

  violated(what: string): void {
    if (this.violations.length < 5) this.violations.push(what);
  }

  /** Things that happen to a world. */
  #strike(): void {
    const { random, time } = this;
    time.after(100 + random.next() * 2000, () => {
      if (this.quiet) return;
      this.#strike();
      const proxy = this.proxies[Math.floor(random.next() * this.proxies.length)];
      const what = random.next();
      if (!proxy) return;
      if (what < 0.25 && proxy.up) {
        proxy.die();
        time.after(random.next() * 6000, () => proxy.start());
      } else if (what < 0.55) {
        proxy.cut = true;
        time.after(random.next() * 8000, () => (proxy.cut = false));
      } else if (what < 0.75) {
        this.#controller.dead = true;
        this.#succeed(random.next() * 3000);
      } else if (what < 0.9) {
        this.#controller.frozenUntil = time.now + random.next() * 15_000;
        this.#succeed(random.next() * 6000);
      }
    });
  }

  #succeed(afterMs: number): void {
    const before = this.#controller;
    this.time.after(afterMs, () => {
      if (this.#controller === before) this.#controller = new SimulatedController(this);
    });
  }

  /** Lets so much happen; then all is well, and after a while every proxy has to serve what was decided. */
  async run(forMs: number): Promise<void> {
    const begun = this.time.now;
    const fail = (error: unknown): void => void (this.#error ??= error);
    process.on('unhandledRejection', fail);
    try {
      await this.#pass(begun + forMs);
      this.quiet = true;
      await this.#pass(begun + forMs + 40_000);
    } finally {
      process.off('unhandledRejection', fail);
      this.#controller.dead = true;
    }
    if (this.#error !== null)
      throw this.#error instanceof Error ? this.#error : new Error(String(this.#error));
    const { decided } = this.disk;
    const names = this.disk.routes.get(decided)?.proxies?.names ?? [];
    for (const proxy of this.proxies.filter(({ name }) => names.includes(name)))
      if (proxy.inForce?.epoch !== decided || proxy.conduct() !== 'serve')
        this.violated(
          `${proxy.name} stands at epoch ${proxy.inForce?.epoch ?? 0} (${proxy.conduct()}) in the end, expected ${decided}`,
        );
  }

  async #pass(until: number): Promise<void> {
    while (this.time.now < until && this.violations.length === 0 && this.time.next()) {
      for (const proxy of this.proxies) proxy.request();
      // What follows from it happens before anything else does.
      await new Promise<void>((resolve) => setImmediate(resolve));
      for (const proxy of this.proxies) proxy.request();
    }
  }
}
