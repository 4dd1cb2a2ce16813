/**
 * What a client may do that costs us more than it costs the client: it has so much at first, it comes back with time and with honest work,
 * and who has spent it all is a flood.
 */
export class Budget {
  private left: number;
  private at = 0;

  /** @param perSecond what comes back by itself, up to `most` */
  constructor(
    private readonly most: number,
    private readonly perSecond: number,
  ) {
    this.left = most;
  }

  /** False if there is not so much left. `now` is in milliseconds from any start. */
  spend(cost: number, now: number): boolean {
    this.left = Math.min(this.most, this.left + ((now - this.at) * this.perSecond) / 1000);
    this.at = now;
    this.left -= cost;
    return this.left >= 0;
  }

  earn(amount: number): void {
    this.left = Math.min(this.most, this.left + amount);
  }
}

/** Frames that carry no content: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown ones. */
export const controlBudget = (): Budget => new Budget(1000, 100);
/** Requests that were given up before they were answered, by the client (CVE-2023-44487) or because it broke a rule of its stream (CVE-2025-8671). */
export const resetBudget = (): Budget => new Budget(200, 20);
