import { asksPeople } from './approval-words.ts';
import type { ServiceEvent } from './event.ts';
import { longestQueue } from './notice.ts';
import type { NoticeKind } from './notice-kinds.ts';
import { releaseOf, type Service } from './service.ts';
import { targetName } from './spec/notify.ts';

/** What an event is told as; the first name is what it is called, and who listens to any of them hears of it. */
function kindsOf(service: Service, event: ServiceEvent): readonly NoticeKind[] {
  if (event.type === 'mode-set') return ['mode-changed'];
  if (!('deployment' in event) || event.deployment === null) return [];
  const deployment = service.deployments[event.deployment - 1];
  if (!deployment) return [];
  const { kind } = deployment.plan;
  const isRetirement = kind === 'retire';
  switch (event.type) {
    case 'deployment-started':
      return isRetirement ? [] : ['started'];
    case 'pause-requested':
      return ['waiting'];
    case 'step-started': {
      const { planned, attempts } = deployment.steps[event.step] ?? {};
      // After a crash it is begun again; whoever was told knows.
      if (attempts !== 1) return [];
      const isHold = planned?.kind === 'hold' && planned.forMs === null;
      return isHold || asksPeople(service, deployment, event.step) ? ['waiting'] : [];
    }
    case 'traffic-switched':
      return deployment.status === 'running' ? ['switched'] : [];
    case 'deployment-ended':
      if (event.outcome === 'frozen') return ['frozen', 'failed'];
      if (event.outcome === 'undone')
        return deployment.switches.length > 0 ? ['rolled-back', 'failed'] : ['failed'];
      if (isRetirement) return ['retired'];
      return kind === 'rollback' ? ['rolled-back'] : ['succeeded'];
    default:
      return [];
  }
}

/** What all services of a set do as one; what one of them waits for, or is stuck with, is its own. */
const toldOnceForSet: readonly NoticeKind[] = ['started', 'switched', 'succeeded', 'rolled-back', 'failed'];

/**
 * The events that say what is to be told because of others, to be written with them: so nothing happens that is not told, and nothing is told that did
 * not happen.
 *
 * @param after the service with the events in it
 * @param at when they are written
 */
export function noticesFor(after: Service, events: readonly ServiceEvent[], at: number): ServiceEvent[] {
  const first = after.version - events.length + 1;
  const waiting = new Map<string, number>();
  for (const { name } of after.notices.due) waiting.set(name, (waiting.get(name) ?? 0) + 1);
  return events.flatMap((event, index): ServiceEvent[] => {
    const [on, ...also] = kindsOf(after, event);
    if (on === undefined) return [];
    const deployment = 'deployment' in event ? (event.deployment ?? null) : null;
    const number = asking(after, deployment);
    const targets = releaseOf(after, number)?.spec.notify ?? [];
    const { quiet = [] } = after.deployments[(deployment ?? 0) - 1]?.set ?? {};
    return targets.flatMap((target, at_): ServiceEvent[] => {
      if (quiet.includes(at_) && toldOnceForSet.includes(on)) return [];
      if (![on, ...also].some((kind) => target.on.includes(kind))) return [];
      const name = targetName(target);
      const id = `notice-${after.name}-${first + index}-${at.toString(36)}-${at_ + 1}`;
      const notice = { id, on, deployment, release: number, target: at_, name };
      const before = waiting.get(name) ?? 0;
      if (before >= longestQueue) {
        const detail = `expected at most ${longestQueue} that wait for ${name}, found as many already`;
        return [{ type: 'notice-ended', ...notice, sent: false, detail, tries: 0 }];
      }
      waiting.set(name, before + 1);
      return [{ type: 'notice-due', ...notice }];
    });
  });
}

/** The release whose spec says who is told: that of the deployment; for a retirement and for a mode the one that is live. */
function asking(service: Service, deployment: number | null): number {
  const plan = deployment === null ? undefined : service.deployments[deployment - 1]?.plan;
  if (plan && plan.kind !== 'retire') return plan.release;
  const live = service.live === null ? null : service.environments[service.live].release;
  return live ?? plan?.release ?? service.releases.length;
}
