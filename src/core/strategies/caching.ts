import type { Caching } from '../caching.ts';
import { formatDuration } from '../duration-text.ts';
import type { Plan, PlannedStep } from '../plan.ts';

/**
 * The plan with the waits of a router whose clients keep where they were sent. Ahead of a switch they are told to keep it for a short time only,
 * and it waits until what they were told before is over, while the release is made ready; after it, the old side serves those who come late;
 * at the end they keep it as long as usual again. A rollback does not wait ahead of its switch: nobody would leave the bad side sooner by
 * that. It takes nothing away and changes no order. Pure.
 */
export function withCaching(plan: Plan, caching: Caching | undefined): Plan {
  const at = plan.steps.findIndex(({ kind }) => kind === 'switch');
  const moved = plan.steps[at];
  if (caching === undefined || moved?.kind !== 'switch' || moved.from === null) return plan;
  const { from, to, release } = moved;
  const { usualMs, shortMs, marginMs, quietMs, lateAtMostMs, observed } = caching;
  const ahead = plan.kind === 'deploy' && usualMs > shortMs;
  const late = { quietMs: observed ? quietMs : 0, atMostMs: observed ? lateAtMostMs : 0 };
  const keptMs = plan.kind === 'deploy' ? shortMs : usualMs;
  const shorten: PlannedStep = { kind: 'shorten', keptMs: usualMs, forMs: shortMs };
  const expire: PlannedStep = {
    kind: 'expire',
    colour: to,
    forMs: ahead ? usualMs + marginMs : 0,
    back: { forMs: shortMs + marginMs, ...late },
  };
  const linger: PlannedStep = {
    kind: 'linger',
    colour: from,
    to,
    release,
    forMs: keptMs + marginMs,
    ...late,
  };
  const lengthen: PlannedStep = { kind: 'lengthen', forMs: usualMs };
  // After the checks, so that what stands right before the switch still does.
  const verified = plan.steps.findIndex(({ kind }) => kind === 'verify');
  const drained = plan.steps.findIndex(({ kind }) => kind === 'drain');
  const last = Math.max(
    drained,
    plan.steps.findIndex(({ kind }) => kind === 'bake'),
  );
  const steps = plan.steps.flatMap((step, index): PlannedStep[] => [
    ...(index === drained ? [linger] : []),
    step,
    ...(plan.kind === 'deploy' && index === verified ? [expire] : []),
    ...(index === last ? [lengthen] : []),
  ]);
  const lateWords = observed ? `, and until nobody has come for ${formatDuration(quietMs)}` : '';
  const notes = [
    ...(ahead
      ? [
          `clients keep where they were sent for ${formatDuration(usualMs)}: the switch is at the earliest ${formatDuration(usualMs + marginMs)} after the beginning`,
        ]
      : []),
    `clients who asked before the switch go to ${from} for up to ${formatDuration(keptMs + marginMs)} after it${lateWords}`,
  ];
  return {
    ...plan,
    steps: ahead ? [shorten, ...steps] : steps,
    notes: [...plan.notes, ...notes],
  };
}
