import { underWay, type Deployment, type DeploymentStatus } from './deployment.ts';
import type { Service } from './service.ts';
import type { NotifyTarget } from './spec/notify.ts';
import type { SetPart } from './set.ts';

/** How a deployment of a set stands, by those of its services: what is worst, or not yet over, in any of them. */
export function setStatus(deployments: readonly Deployment[]): DeploymentStatus {
  const found = deployments.filter(underWay);
  const rank: readonly DeploymentStatus[] = ['frozen', 'turning-back', 'running', 'undone', 'succeeded'];
  const among = found.length > 0 ? found : deployments;
  return rank.find((status) => among.some((each) => each.status === status)) ?? 'succeeded';
}

/**
 * Which targets of notifications each service leaves to one before it in the set, by their places: what all do at one moment is told to each
 * target once.
 *
 * @param targets those of each service, in the order of the set
 */
export function quietTargets(targets: readonly (readonly NotifyTarget[])[]): number[][] {
  const named = new Set<string>();
  return targets.map((own) => {
    const before = new Set(named);
    const keys = own.map((target) => JSON.stringify(target));
    for (const key of keys) named.add(key);
    return keys.flatMap((key, index) => (before.has(key) ? [index] : []));
  });
}

/** The last deployment of a set that a service took part in, whatever became of it. */
export const lastInSet = (
  { deployments }: Service,
  set: string,
): (Deployment & { readonly set: SetPart }) | undefined =>
  deployments.findLast(
    (deployment): deployment is Deployment & { readonly set: SetPart } => deployment.set?.name === set,
  );

/**
 * The deployment by which the service has its traffic where it does, or will have if it is under way, if that is one of a set: alone, it
 * neither goes on nor goes back then.
 */
export function boundBy({ deployments }: Service): SetPart | null {
  const last = deployments.findLast(
    (deployment) =>
      deployment.plan.kind !== 'retire' && (underWay(deployment) || deployment.status !== 'undone'),
  );
  return last?.set ?? null;
}
