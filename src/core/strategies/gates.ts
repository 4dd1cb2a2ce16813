import { formatDuration } from '../duration.ts';
import type { PlannedStep } from '../plan.ts';
import type { Spec } from '../spec.ts';
import { kindOf, type Gate } from '../spec/gate.ts';
import { webhookName } from '../spec/webhook.ts';
import { describeWindow } from '../time-window.ts';
import type { Policy } from './policies.ts';

/**
 * Puts the gates of the spec before the steps that they guard. Of several before one step a window is the last: it is open then when the
 * step begins, whatever the others took. A way back has no gates: nothing may stand in its way.
 */
export const withGates: Policy = (plan, _service, { gates }) => {
  if (plan.kind !== 'deploy' || gates.length === 0) return plan;
  const notes = [...plan.notes];
  const at = gates.map(({ before }, index) => {
    const found = plan.steps.findIndex(
      ({ kind }) => kind === before || (before === 'weigh' && kind === 'join'),
    );
    if (found !== -1) return found;
    notes.push(`gate ${index + 1} stands before the switch: there is no step ${before}`);
    return plan.steps.findIndex(({ kind }) => kind === 'switch');
  });
  if (at.includes(-1)) throw new Error('a plan that takes a release live has a switch');
  const steps = plan.steps.flatMap((step, index) => {
    const mine = [...gates.entries()].filter(([gate]) => at[gate] === index);
    const ordered = [
      ...mine.filter(([, gate]) => gate.window === undefined),
      ...mine.filter(([, gate]) => gate.window !== undefined),
    ];
    return [...ordered.map(([gate, written]) => gateStep(plan.release, gate, written, step)), step];
  });
  return { ...plan, steps, notes };
};

function gateStep(
  release: number,
  index: number,
  gate: Spec['gates'][number],
  step: PlannedStep,
): PlannedStep {
  const { name = `gate ${index + 1}`, timeout, onTimeout, reason } = gate;
  return {
    kind: 'gate',
    gate: index + 1,
    release,
    name,
    before: step.kind,
    waitsFor: kindOf(gate),
    what: whatOf(gate),
    timeoutMs: timeout ?? null,
    onTimeout,
    reason: reason ?? null,
  };
}

function whatOf(gate: Gate): string {
  const { approval, window, command, webhook, interval } = gate;
  if (approval) {
    const { by, count, fourEyes } = approval;
    const who = by === undefined ? '' : ` of ${by.join(', ')}`;
    return `${count === 1 ? 'approval' : `${count} approvals`}${who}${fourEyes ? ', not by whoever ordered it' : ''}`;
  }
  if (window) return `a time within ${describeWindow(window)}`;
  const every = `asked every ${formatDuration(interval)}`;
  if (command) return `${command.join(' ')} to exit 0, ${every}`;
  return `the webhook ${webhook ? webhookName(webhook) : ''} to approve, ${every}`;
}
