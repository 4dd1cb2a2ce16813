import { hasMoved } from '../core/deployment.ts';
import type { ErrorRecord } from '../core/errors.ts';
import type { ServiceEvent } from '../core/event.ts';
import { releaseOf } from '../core/service.ts';
import { mayGoBackByItself, worstVerdict } from '../core/verdict.ts';
import { Journal } from './journal.ts';
import type { OpenService } from './open-service.ts';
import { deploymentOf } from './walk.ts';

/** A service with one of its deployments. */
export interface Part {
  readonly open: OpenService;
  readonly deployment: number;
}

/**
 * Turns a deployment back, or freezes it where that would lose more than its release allows without a person's order. With it go those of the
 * other services of its set: all are turned back, or all are frozen, by one append. Does nothing if they have been already.
 *
 * @param parts all of the set; of one that is by itself, only that
 * @param of the service that did badly
 */
export async function turnBack(parts: readonly Part[], of: string, error: ErrorRecord): Promise<void> {
  const judged = await Promise.all(
    parts.map(async ({ open, deployment }) => {
      const { service } = open;
      const found = deploymentOf(service, deployment);
      const release = service.live === null ? null : service.environments[service.live].release;
      const rules = release === null ? undefined : releaseOf(service, release)?.spec.rollback;
      const moved = found.abortedBy === null && rules !== undefined && hasMoved(found, service.live);
      const holds = moved && found.plan.onSecondFailure === 'hold';
      const verdict = moved
        ? ((await open.verdict(true)) ?? (holds ? { verdict: 'safe' as const } : null))
        : null;
      const refuses =
        holds || (verdict !== null && rules !== undefined && !mayGoBackByItself(rules, verdict));
      return { service: open.name, verdict, refuses };
    }),
  );
  const verdict = parts.length === 1 ? (judged[0]?.verdict ?? null) : worstVerdict(judged);
  await Journal.together(
    parts.map(({ open }) => open.journal),
    (services) => {
      const found = services.map((service, index) => deploymentOf(service, parts[index]?.deployment ?? 0));
      // A person may have aborted it while the verdict was asked.
      const ordered = found.some(({ abortedBy }) => abortedBy !== null);
      const frozen = !ordered && judged.some(({ refuses }) => refuses);
      return found.map(({ id, status }, index): ServiceEvent[] => {
        if (status !== 'running') return [];
        const mine = parts[index]?.open.name === of ? error : because(of, error);
        return frozen && verdict !== null
          ? [{ type: 'deployment-frozen', deployment: id, error: mine, verdict }]
          : [{ type: 'turned-back', deployment: id, error: mine, ...(verdict && { verdict }) }];
      });
    },
  );
}

/** What is said of a service that has done nothing wrong itself. */
const because = (of: string, error: ErrorRecord): ErrorRecord =>
  error.code === 'aborted' ? error : { ...error, message: `with service ${of} of its set: ${error.message}` };
