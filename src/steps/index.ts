import type { PlannedStep, StepKind } from '../core/plan.ts';
import { activate } from './activate.ts';
import { bake } from './bake.ts';
import { drain } from './drain.ts';
import { expire } from './expire.ts';
import { finish } from './finish.ts';
import { gate } from './gate.ts';
import { health } from './health.ts';
import { hook } from './hook.ts';
import { hold } from './hold.ts';
import { join } from './join.ts';
import { keep } from './keep.ts';
import { lengthen } from './lengthen.ts';
import { linger } from './linger.ts';
import { leave } from './leave.ts';
import { mirror } from './mirror.ts';
import { muster } from './muster.ts';
import { passivate } from './passivate.ts';
import { prepare } from './prepare.ts';
import { rejoin } from './rejoin.ts';
import { retire } from './retire.ts';
import { ship } from './ship.ts';
import { shorten } from './shorten.ts';
import { start } from './start.ts';
import type { Step, StepContext, StepDone } from './step.ts';
import { switchTraffic } from './switch.ts';
import { verify } from './verify.ts';
import { warm } from './warm.ts';
import { weigh } from './weigh.ts';
import { withdraw } from './withdraw.ts';

const steps: { readonly [K in StepKind]: Step<K> } = {
  prepare,
  ship,
  start,
  health,
  warm,
  verify,
  mirror,
  gate,
  weigh,
  join,
  leave,
  hold,
  withdraw,
  rejoin,
  passivate,
  muster,
  shorten,
  expire,
  switch: switchTraffic,
  activate,
  linger,
  lengthen,
  drain,
  finish,
  bake,
  keep,
  retire,
  hook,
};

/** The code for a planned step, with its plan bound. */
export function stepOf<K extends StepKind>(
  planned: Extract<PlannedStep, { kind: K }>,
): {
  readonly describe: () => string;
  readonly describeUndo: () => string | null;
  readonly run: (context: StepContext) => Promise<StepDone>;
  readonly undo: (context: StepContext) => Promise<StepDone>;
} {
  const step: Step<K> = steps[planned.kind as K];
  return {
    describe: () => step.describe(planned),
    describeUndo: () => step.describeUndo(planned),
    run: (context) => step.run(planned, context),
    undo: (context) => step.undo(planned, context),
  };
}
