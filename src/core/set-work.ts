import { underWay, type Deployment } from './deployment.ts';
import type { Service } from './service.ts';
import type { SetPart } from './set.ts';

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
