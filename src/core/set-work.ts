import { underWay, type Deployment, type DeploymentStatus } from './deployment.ts';
import type { Service } from './service.ts';
import type { SetPart } from './set.ts';

/** How a deployment of a set stands, by those of its services: what is worst, or not yet over, in any of them. */
export function setStatus(deployments: readonly Deployment[]): DeploymentStatus {
  const found = deployments.filter(underWay);
  const rank: readonly DeploymentStatus[] = ['frozen', 'turning-back', 'running', 'undone', 'succeeded'];
  const among = found.length > 0 ? found : deployments;
  return rank.find((status) => among.some((each) => each.status === status)) ?? 'succeeded';
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
