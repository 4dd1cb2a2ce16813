import type { Deployment } from '../core/deployment.ts';
import type { SetContext, StepContext } from '../steps/step.ts';
import type { OpenService } from './open-service.ts';
import { patientRouter } from './patient-router.ts';
import { existing } from './release-order.ts';
import { untilChange } from './until-change.ts';

/** What the steps of a deployment work with. `abort`: of the deployment; `setOf`: the set that the context is to be in. */
export function stepContext(
  open: OpenService,
  deployment: Deployment,
  abort: AbortSignal,
  setOf: (self: () => StepContext) => SetContext,
): StepContext {
  const { journal, house } = open;
  const { checker, clock, commands, webhooks, gauge } = house.parts;
  // What is taken back is no longer cut short by the abort that began it, only by the end of the controller.
  const heeded = deployment.status === 'turning-back' ? house.stop : AbortSignal.any([abort, house.stop]);
  const context: StepContext = {
    deployment: deployment.id,
    service: () => journal.service,
    release: (number) => existing(journal.service, number),
    environment: (colour) => ({ service: journal.name, colour }),
    platform: open.platform,
    router: patientRouter(open.router, clock, heeded),
    checker,
    commands,
    webhooks,
    gauge,
    counters: (maxAgeMs) => open.readings.read(maxAgeMs),
    clock,
    signal: heeded,
    record: async (...events) => {
      await journal.append(() => events);
    },
    inTurn: (act) => open.orders.inTurn(act),
    untilChange: (ms) => untilChange(journal, clock, ms, heeded),
    set: setOf(() => context),
    report: (text) => open.report(deployment.id, text),
  };
  return context;
}
