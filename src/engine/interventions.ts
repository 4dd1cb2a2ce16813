import { awaitsDecision, hasMoved, type Decision, type Deployment } from '../core/deployment.ts';
import { CutoverError } from '../core/errors.ts';
import type { ServiceEvent } from '../core/event.ts';
import { current, type Service } from '../core/service.ts';
import { worstVerdict, type Verdict } from '../core/verdict.ts';
import type { Course } from './course.ts';
import { Journal, LogUnwritable } from './journal.ts';
import type { OpenService } from './open-service.ts';
import { expectAccepted, notFrozen, nothingRunning, type GoBack } from './refusals.ts';
import type { Part } from './turn-back.ts';
import { deploymentOf } from './walk.ts';

/** What persons say to the deployment of one service that is under way. To go back or to stay is said to all of its set. */
export class Interventions {
  constructor(
    private readonly open: OpenService,
    private readonly course: Course,
    private readonly courseOf: (service: string) => Promise<Course>,
  ) {}

  /** As `Engine.abort`. */
  async abort(by: string, how: GoBack = {}): Promise<{ deployment: Deployment; verdict: Verdict | null }> {
    const { service, name } = this.open;
    const under = current(service);
    if (!under) throw nothingRunning(name);
    const parts = await this.course.parts(under);
    const moved = under.status !== 'turning-back' && hasMoved(under, service.live);
    const verdict = moved ? await verdictOf(parts) : null;
    expectAccepted(name, verdict, how);
    if (awaitsDecision(under))
      return { deployment: await this.#decide('back', by, how.reason ?? null, verdict), verdict };
    await Journal.together(
      parts.map(({ open }) => open.journal),
      (services) =>
        services.map((now, index): ServiceEvent[] => {
          const deployment = current(now);
          // Those of a set end as one: what has begun to end in one of them is not held up in another.
          const ends = under.set !== undefined && deployment?.steps.every(({ status }) => status === 'done');
          if (!deployment || ends || (under.set && deployment.id !== parts[index]?.deployment))
            throw nothingRunning(name);
          return [
            {
              type: 'abort-requested',
              deployment: deployment.id,
              by,
              ...(how.reason !== undefined && { reason: how.reason }),
              ...(verdict && { verdict }),
            },
          ];
        }),
    );
    return { deployment: deploymentOf(this.open.service, under.id), verdict };
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
    const { service } = this.open;
    const under = current(service);
    if (!under) throw notFrozen(service);
    const parts = await this.course.parts(under);
    const courses = await Promise.all(parts.map(({ open }) => this.courseOf(open.name)));
    // The walks that froze it may be about to end.
    await Promise.all(courses.map((course) => course.idle()));
    const after = await Journal.together(
      parts.map(({ open }) => open.journal),
      (services) =>
        services.map((now): ServiceEvent[] => {
          const frozen = current(now);
          if (!frozen || !awaitsDecision(frozen)) throw notFrozen(now);
          return [{ type: 'decision-taken', deployment: frozen.id, decision, by, reason, verdict }];
        }),
    );
    for (const [index, now] of after.entries())
      courses[index]?.begin(deploymentOf(now, now.deployments.length));
    return deploymentOf(this.open.service, under.id);
  }
}

/** Of one that is by itself, its own; of a set, the worst. */
async function verdictOf(parts: readonly Part[]): Promise<Verdict | null> {
  const verdicts = await Promise.all(
    parts.map(async ({ open }) => ({ service: open.name, verdict: await open.verdict(true) })),
  );
  return parts.length === 1 ? (verdicts[0]?.verdict ?? null) : worstVerdict(verdicts);
}
