import { awaitsDecision, hasMoved, type Decision, type Deployment } from '../core/deployment.ts';
import { CutoverError } from '../core/errors.ts';
import type { ServiceEvent } from '../core/event.ts';
import { current, type Service } from '../core/service.ts';
import type { Verdict } from '../core/verdict.ts';
import type { Course } from './course.ts';
import { LogUnwritable } from './journal.ts';
import type { OpenService } from './open-service.ts';
import { expectAccepted, notFrozen, nothingRunning, type GoBack } from './refusals.ts';
import { deploymentOf } from './walk.ts';

/** What persons say to the deployment of one service that is under way. */
export class Interventions {
  constructor(
    private readonly open: OpenService,
    private readonly course: Course,
  ) {}

  /** As `Engine.abort`. */
  async abort(by: string, how: GoBack = {}): Promise<{ deployment: Deployment; verdict: Verdict | null }> {
    const { journal, name } = this.open;
    const under = current(journal.service);
    const moved =
      under !== undefined && under.status !== 'turning-back' && hasMoved(under, journal.service.live);
    const verdict = moved ? await this.open.verdict(true) : null;
    expectAccepted(name, verdict, how);
    if (under && awaitsDecision(under))
      return { deployment: await this.#decide('back', by, how.reason ?? null, verdict), verdict };
    const after = await journal.append((service) => {
      const deployment = current(service);
      if (!deployment) throw nothingRunning(name);
      return [
        {
          type: 'abort-requested',
          deployment: deployment.id,
          by,
          ...(how.reason !== undefined && { reason: how.reason }),
          ...(verdict && { verdict }),
        },
      ];
    });
    const walked = this.course.abort(by);
    return { deployment: deploymentOf(after, walked ?? after.deployments.length), verdict };
  }

  /** As `Engine.intervene`. */
  async intervene(
    decide: (service: Service) => readonly ServiceEvent[],
  ): Promise<{ deployment: Deployment; changed: boolean }> {
    let said: readonly ServiceEvent[] = [];
    const after = await this.open.journal
      .append((service) => (said = decide(service)))
      .catch((error: unknown) => {
        throw error instanceof LogUnwritable && error.cause instanceof CutoverError ? error.cause : error;
      });
    return { deployment: deploymentOf(after, after.deployments.length), changed: said.length > 0 };
  }

  /** As `Engine.keep`. */
  keep(by: string, reason: string | null): Promise<Deployment> {
    return this.#decide('keep', by, reason, null);
  }

  async #decide(
    decision: Decision['decision'],
    by: string,
    reason: string | null,
    verdict: Verdict | null,
  ): Promise<Deployment> {
    // The walk that froze it may be about to end.
    await this.course.idle();
    const after = await this.open.journal.append((now) => {
      const frozen = current(now);
      if (!frozen || !awaitsDecision(frozen)) throw notFrozen(now);
      return [{ type: 'decision-taken', deployment: frozen.id, decision, by, reason, verdict }];
    });
    const deployment = deploymentOf(after, after.deployments.length);
    this.course.begin(deployment);
    return deployment;
  }
}
