import type { Colour } from '../core/colour.ts';
import type { Deployment } from '../core/deployment.ts';
import { formatDuration } from '../core/duration.ts';
import { errorRecord } from '../core/errors.ts';
import type { ServiceEvent } from '../core/event.ts';
import type { StepContext } from './step.ts';
import { deploymentNow } from './under-way.ts';

/** How long late clients of a side are waited for; `quietMs` 0: who comes is not observed. */
export interface LateTimes {
  readonly forMs: number;
  readonly quietMs: number;
  readonly atMostMs: number;
}

/** How often the log is told of those who came, so that they are not forgotten with the controller. */
const recordMs = 10_000;
const lookMs = 500;

/**
 * Who still comes to a side that has lost the traffic, because clients keep where they were sent. `look` is to be called again and again; what
 * it finds stands in `leftMs` and `words`.
 */
export class LateClients {
  #leftMs: number;
  #requests: number | null = null;
  #bootId = '';
  #late: number | null = null;
  #lastAt: number | null = null;
  #seenAt: number;
  #toldAt: number;
  #over = false;

  constructor(
    private readonly context: StepContext,
    private readonly colour: Colour,
    private readonly times: LateTimes,
    private readonly switchedAt: number,
  ) {
    // What was seen before a crash of the controller.
    const { lingered } = deploymentNow(context);
    if (lingered?.colour === colour) ({ late: this.#late, lastAt: this.#lastAt } = lingered);
    this.#leftMs = times.forMs;
    this.#seenAt = this.#toldAt = context.clock.now();
  }

  /** How much longer the side has to serve them; 0: nobody is taken to come any more, or they are no longer waited for. */
  get leftMs(): number {
    return this.#leftMs;
  }

  get words(): string {
    const wait = `${formatDuration(this.#leftMs)} to go`;
    return this.#late === null ? wait : `${this.#late} came late to ${this.colour}; ${wait}`;
  }

  async look(): Promise<void> {
    const { clock } = this.context;
    const now = clock.now();
    const owed = this.switchedAt + this.times.forMs - now;
    if (this.times.quietMs === 0) {
      this.#leftMs = Math.min(this.times.forMs, Math.max(0, owed));
      return;
    }
    const busy = await this.#count(now);
    const quiet = this.#seenAt + this.times.quietMs - now;
    const last = Math.max(0, owed + this.times.atMostMs);
    this.#over = last === 0 && (busy || quiet > 0);
    this.#leftMs = Math.max(0, Math.min(last, Math.max(owed, busy ? lookMs : quiet)));
    if (now - this.#toldAt < recordMs) return;
    this.#toldAt = now;
    await this.context.record(this.event);
  }

  /** Counts those who came since the last look; true: some are being served just now. A source that does not answer is as if they still came. */
  async #count(now: number): Promise<boolean> {
    try {
      const { bootId, [this.colour]: side } = await this.context.router.counters(this.context.service().name);
      const before = this.#bootId === bootId ? this.#requests : null;
      const came = before === null ? 0 : Math.max(0, side.requests - before);
      this.#late = (this.#late ?? 0) + came;
      this.#requests = side.requests;
      this.#bootId = bootId;
      if (came > 0) this.#lastAt = this.#seenAt = now;
      return side.inFlight > 0;
    } catch (error) {
      this.#seenAt = now;
      this.context.report(`late clients were not counted: ${errorRecord(error).message}`);
      return false;
    }
  }

  /** What is known now, for the log. */
  get event(): ServiceEvent {
    const ms = Math.max(0, this.context.clock.now() - this.switchedAt);
    return {
      type: 'traffic-lingered',
      deployment: this.context.deployment,
      colour: this.colour,
      ms,
      late: this.#late,
      lastAt: this.#lastAt,
      left: !this.#over,
    };
  }

  /** What came of it, in a few words. */
  get result(): string {
    const { colour } = this;
    if (this.#late === null) return `${colour} has served late clients for as long as they may have come`;
    const came = `${this.#late} ${this.#late === 1 ? 'request' : 'requests'} came late to ${colour}`;
    const last =
      this.#lastAt === null
        ? ''
        : `, the last ${formatDuration(Math.max(0, this.#lastAt - this.switchedAt))} after the switch`;
    return `${came}${last}${this.#over ? '; some still come, and are served while it is kept' : ''}`;
  }

  /** Waits until nobody comes any more. */
  async gone(): Promise<string> {
    for (;;) {
      await this.look();
      if (this.#leftMs <= 0) return this.result;
      this.context.report(this.words);
      await this.context.clock.sleep(Math.min(this.#leftMs, lookMs), this.context.signal);
    }
  }
}

/** When the traffic was sent away from the side last, or null. */
export const leftAt = ({ switches }: Deployment, colour: Colour): number | null =>
  switches.findLast(({ from }) => from === colour)?.at ?? null;
