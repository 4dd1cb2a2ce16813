import type { InstancePolicy } from '../../core/instance-policy.ts';

/** How a worker treats instances where the route says nothing: as the spec's defaults. */
export const defaultPolicy: InstancePolicy = {
  failures: 5,
  windowMs: 10_000,
  ejectForMs: 5000,
  slowStartMs: 10_000,
  probe: null,
};
const longestEjectionMs = 300_000;
/** The share that an instance begins with. */
const leastWeight = 0.1;

/**
 * What one worker thinks of one instance: whether it is passed over, and how much it may get. An instance that is in order
 * is `steady`, and then nothing of this is looked at.
 */
export class InstanceCare {
  steady = true;
  /** Failures in a row. */
  strikes = 0;
  private firstStrikeAt = 0;
  private ejections = 0;
  private ejectedUntil = 0;
  /** Until when it is passed over, because it refused a connection. */
  private avoidUntil = 0;
  /** The checks say that it is not in order. */
  private isSick = false;
  private rampFrom = 0;
  private rampTo = 0;

  avoid(until: number): void {
    this.avoidUntil = until;
    this.steady = false;
  }

  /** From `now` on its share grows over `overMs`. */
  ramp(now: number, overMs: number): void {
    if (overMs === 0) return;
    this.rampFrom = now;
    this.rampTo = now + overMs;
    this.steady = false;
  }

  sicken(sick: boolean, now: number, policy: InstancePolicy): void {
    if (sick === this.isSick) return;
    this.isSick = sick;
    if (sick) this.steady = false;
    else this.ramp(now, policy.slowStartMs);
  }

  /** Counts a failure; true if it is one too many and the instance should be ejected. */
  strike(now: number, { failures, windowMs }: InstancePolicy): boolean {
    if (failures === 0 || now < this.ejectedUntil) return false;
    if (this.strikes === 0 || now - this.firstStrikeAt > windowMs) {
      this.strikes = 0;
      this.firstStrikeAt = now;
    }
    return ++this.strikes >= failures;
  }

  /** Passes it over for a time that doubles if the former one has ended just now. */
  eject(now: number, { ejectForMs, slowStartMs, windowMs }: InstancePolicy): void {
    if (now - this.ejectedUntil > windowMs + slowStartMs) this.ejections = 0;
    const time = Math.min(longestEjectionMs, ejectForMs * 2 ** this.ejections++);
    this.strikes = 0;
    this.ejectedUntil = now + time;
    this.ramp(this.ejectedUntil, slowStartMs);
    this.steady = false;
  }

  /** Whether it should get requests while another one may. */
  passedOver(now: number): boolean {
    return !this.steady && (this.isSick || now < this.ejectedUntil);
  }

  /** Whether it may have a request that another one could have as well. */
  takes(now: number): boolean {
    return this.steady || !(this.isSick || now < this.ejectedUntil || now < this.avoidUntil);
  }

  /** What `inFlight` counts for beside other instances: the least of them gets the request. */
  load(inFlight: number, now: number): number {
    if (this.isSick) return inFlight + 3e9;
    if (now < this.ejectedUntil) return inFlight + 2e9;
    if (now < this.avoidUntil) return inFlight + 1e9;
    if (now < this.rampTo) {
      const weight = Math.max(leastWeight, (now - this.rampFrom) / (this.rampTo - this.rampFrom));
      return (inFlight + 1) / weight - 1;
    }
    this.steady = true;
    return inFlight;
  }
}
