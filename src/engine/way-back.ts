import { other } from '../core/colour.ts';
import { fleetBefore } from '../core/fleet.ts';
import { releaseOf, type Service } from '../core/service.ts';
import { answerOf, verdictOf, type Verdict, type VerdictAnswer } from '../core/verdict.ts';
import { knownWrites } from '../core/write-tally.ts';
import { addressesOf } from '../core/placement.ts';
import type { Release } from '../core/release.ts';
import { coldRelease } from '../core/strategies/rolling.ts';
import { routedLayer } from '../core/spec.ts';
import type { Checker } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import type { Platform } from '../ports/platform.ts';
import type { Router } from '../ports/router.ts';
import { measured } from './walk.ts';

/** An answer of a release's command is shown for so long in a status, which may be asked for every second. */
const shownForMs = 10_000;

/** Says whether going back is safe, from the log, the router's counters, and what the release that is live says of itself. */
export class WayBack {
  #answered: { readonly epoch: number; readonly at: number; readonly answer: VerdictAnswer } | null = null;

  constructor(
    private readonly checker: Checker,
    private readonly clock: Clock,
  ) {}

  /**
   * The verdict of going back; null if there is nothing to go back to. What cannot be asked makes it worse, and is not thrown.
   *
   * @param fresh the release's command is asked now; otherwise an answer of a few seconds ago will do
   */
  async verdict(
    service: Service,
    { platform, router }: { readonly platform: Platform; readonly router: Router },
    fresh: boolean,
  ): Promise<Verdict | null> {
    const { live, writes } = service;
    if (live === null) return null;
    const back = service.environments[other(live)];
    // What a roll has stopped can be gone back to as well, only not at once.
    const cold = fleetBefore(service) !== null || coldRelease(service) !== null;
    if (!cold && (!back.wasLive || back.release === null)) return null;
    const release = releaseOf(service, service.environments[live].release ?? 0);
    if (!release) return null;
    const counters = router.capabilities.counters
      ? await measured({ router, service: () => service, report: () => undefined })
      : null;
    const known = knownWrites(writes, counters);
    const now = this.clock.now();
    const sinceMs = now - (writes?.since ?? now);
    const ruled = verdictOf(release.spec.rollback, known, sinceMs);
    if (ruled.verdict === 'unsafe' || !release.spec.rollback.verdict) return ruled;
    const answer = await this.#answer(service, release, platform, known.count, fresh);
    return verdictOf(release.spec.rollback, known, sinceMs, answer);
  }

  async #answer(
    service: Service,
    release: Release,
    platform: Platform,
    writes: number,
    fresh: boolean,
  ): Promise<VerdictAnswer> {
    const last = this.#answered;
    const age = this.clock.now() - (last?.at ?? 0);
    if (!fresh && last && last.epoch === service.epoch && age < shownForMs) return last.answer;
    const answer = await this.#ask(service, release, platform, writes);
    this.#answered = { epoch: service.epoch, at: this.clock.now(), answer };
    return answer;
  }

  async #ask(service: Service, release: Release, platform: Platform, writes: number): Promise<VerdictAnswer> {
    const { live } = service;
    const { verdict } = release.spec.rollback;
    const placement = live === null ? null : service.environments[live].placement;
    if (live === null || !placement || !verdict)
      return { verdict: 'unsafe', why: 'its command has nowhere to run' };
    const [address] = addressesOf(placement, routedLayer(release.spec));
    if (!address) return { verdict: 'unsafe', why: 'its command has no instance to look at' };
    try {
      const variables = await platform.variables({ service: service.name, colour: live }, release, placement);
      const { directory } = await platform.ship(service.name, release);
      const since = String(service.writes?.since ?? 0);
      const { ok, detail, output } = await this.checker.run(
        { command: verdict.command },
        {
          address,
          directory,
          variables: { ...variables, CUTOVER_WRITES: String(writes), CUTOVER_SWITCHED_AT: since },
        },
        verdict.timeout,
      );
      return ok ? answerOf(output ?? []) : { verdict: 'unsafe', why: `its command failed: ${detail}` };
    } catch (error) {
      return {
        verdict: 'unsafe',
        why: `its command could not be run: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }
}
