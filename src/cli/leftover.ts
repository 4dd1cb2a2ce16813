import { type Colour } from '../core/colour.ts';
import { combineCut, noneCut, type Cut } from '../core/cut.ts';
import { formatDuration } from '../core/duration-text.ts';
import { CutoverError } from '../core/errors.ts';
import { type Counters, type Route } from '../core/traffic.ts';
import type { Router } from '../ports/router.ts';
import { pause } from './interrupt.ts';

/** What `cutover proxy switch` is told of what stays on the old side; times in milliseconds. */
export interface LeftoverWords {
  readonly drain?: number;
  readonly leftover?: string;
  readonly closeOver?: number;
}

export interface LeftoverOrder {
  /** How long it may end by itself. */
  readonly drainMs: number;
  /** The time over which the rest is ended; null: it goes on. */
  readonly closeOverMs: number | null;
}

/** As `strategy.closeOver` has it by default. */
const usualCloseOverMs = 10_000;
/** Beyond the time over which ends are spread: for the last of them to be heard of. */
const lastEndMs = 5000;
const pollMs = 10;
const slowestPollMs = 250;
const tellEveryMs = 1000;

const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });
const usual = 'cutover proxy switch green --drain 30s --leftover close --close-over 10s';

/**
 * Reads the words of the command line; null without `--drain`: then nobody waits.
 *
 * @throws CutoverError `usage`
 */
export function leftoverOrder({ drain, leftover, closeOver }: LeftoverWords): LeftoverOrder | null {
  if (drain === undefined) {
    const stray = leftover === undefined ? (closeOver === undefined ? null : 'close-over') : 'leftover';
    if (stray === null) return null;
    throw usage(`--${stray}: expected --drain beside it, found none`, `say how long to wait first: ${usual}`);
  }
  if (leftover !== 'keep') return { drainMs: drain, closeOverMs: closeOver ?? usualCloseOverMs };
  if (closeOver !== undefined)
    throw usage('--close-over: expected --leftover close, found keep', 'leave one of them out');
  return { drainMs: drain, closeOverMs: null };
}

/** Whether the side gets requests of users. */
const isUsed = ({ live, weights }: Route, colour: Colour): boolean =>
  weights ? weights[colour] > 0 : live === colour;

/** The side that a switch took the traffic from: what is still in flight there, and how that ends. */
export class Leftover {
  /** In flight when it was last looked at; null before. */
  left: number | null = null;
  /** Ended by order since the switch, by kind. */
  cut: Cut = noneCut();
  /** Whether the rest has been ordered to end. */
  ending = false;

  constructor(
    private readonly router: Pick<Router, 'read' | 'counters' | 'evict'>,
    private readonly service: string,
    readonly colour: Colour,
    /** At the moment of the switch. */
    private readonly since: Counters,
    private readonly tell: (line: string) => void,
  ) {}

  /**
   * Waits until nothing is in flight, for at most `drainMs`; then has the rest ended, if that is ordered, and waits for it. What is left for all
   * that is in `left`, not thrown.
   *
   * @throws CutoverError `stale-epoch` if the side got traffic again meanwhile; what the router throws; the reason of `signal`
   */
  async settle({ drainMs, closeOverMs }: LeftoverOrder, signal: AbortSignal): Promise<void> {
    await this.untilNone(drainMs, signal);
    if (this.left === 0 || closeOverMs === null) return;
    const { epoch } = await this.freeRoute();
    await this.router.evict(this.service, { colour: this.colour, epoch, overMs: closeOverMs });
    this.ending = true;
    this.tell(`ends ${this.left} in flight on ${this.colour}, over ${formatDuration(closeOverMs)}`);
    await this.untilNone(closeOverMs + lastEndMs, signal);
  }

  private async untilNone(forMs: number, signal: AbortSignal): Promise<void> {
    const begun = performance.now();
    let toldAt = -Infinity;
    let told = this.left;
    for (;;) {
      await this.freeRoute();
      await this.look();
      const now = performance.now();
      const more = forMs - (now - begun);
      if (this.left === 0 || more <= 0) return;
      if (this.left !== told && now - toldAt >= tellEveryMs) {
        this.tell(
          `${this.left} in flight on ${this.colour}${this.ending ? '' : `, for at most ${formatDuration(more)}`}`,
        );
        toldAt = now;
        told = this.left;
      }
      await pause(Math.min(pollMs * (1 + (now - begun) / 200), slowestPollMs, Math.max(1, more)), signal);
    }
  }

  private async look(): Promise<void> {
    const counters = await this.router.counters(this.service);
    const { inFlight, cut } = counters[this.colour];
    this.left = inFlight;
    // After a restart the counters have begun anew.
    this.cut = counters.bootId === this.since.bootId ? combineCut(cut, this.since[this.colour].cut, -1) : cut;
  }

  /** The route in force, by which the side is still free: nobody may end what users have just been sent to. */
  private async freeRoute(): Promise<Route> {
    const route = await this.router.read(this.service);
    if (route !== null && !isUsed(route, this.colour)) return route;
    throw new CutoverError(
      'stale-epoch',
      route === null
        ? `service ${this.service}: expected it to be there until ${this.colour} is free, found it removed`
        : `service ${this.service}: expected no traffic on ${this.colour} until it is free, found that it got some again (epoch ${route.epoch})`,
      { next: 'see who switched it: cutover proxy status; what is left there goes on' },
    );
  }
}
