import type { Deployment } from '../core/deployment.ts';
import type { StepContext } from './step.ts';

/** The deployment as the log tells it now. */
export function deploymentNow({
  service,
  deployment: id,
}: Pick<StepContext, 'service' | 'deployment'>): Deployment {
  const deployment = service().deployments[id - 1];
  if (!deployment) throw new Error(`service ${service().name} has no deployment ${id}`);
  return deployment;
}

/** The place in its plan of the step that is being run. */
export function stepNow(context: Pick<StepContext, 'service' | 'deployment'>): number {
  const index = deploymentNow(context).steps.findIndex(({ status }) => status === 'running');
  if (index === -1) throw new Error(`no step of deployment ${context.deployment} is being run`);
  return index;
}
