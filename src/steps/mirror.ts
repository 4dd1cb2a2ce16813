import { formatDuration } from '../core/duration.ts';
import { CutoverError } from '../core/errors.ts';
import {
  differingShare,
  dropReasons,
  formatCause,
  summarize,
  type DiffReport,
  type DiffSummary,
} from '../core/mirror/diff-report.ts';
import { sameMirror, type RouteMirror } from '../core/mirror/route-mirror.ts';
import type { PlannedStep } from '../core/plan.ts';
import { formatShare } from '../core/share.ts';
import { mirrorId, routeMirrorOf } from '../core/spec/mirror.ts';
import { republish } from './publish.ts';
import type { Step, StepContext } from './step.ts';

const lookMs = 1000;
/** The last copies are answered and compared after the mirror is off. */
const settleMs = 250;

type Planned = Extract<PlannedStep, { kind: 'mirror' }>;

export const mirror: Step<'mirror'> = {
  describe: ({ from, colour, share, forMs, leastRequests, limit }) =>
    `copy ${formatShare(share)} of the requests to ${from} to ${colour} for ${formatDuration(forMs)} and compare at least ${leastRequests} answers: ${formatShare(limit)} may differ`,
  describeUndo: ({ colour }) => `copy nothing to ${colour}`,

  async run(planned, context) {
    const { clock, signal } = context;
    const order = orderOf(planned, context);
    if (order === null) {
      throw new CutoverError('request-invalid', 'expected mirror in the spec of the release, found none', {
        next: 'deploy the release again',
      });
    }
    if (!context.router.capabilities.mirror) {
      throw new CutoverError(
        'router-cannot',
        `service ${context.service().name}: expected a router that can copy requests, found one that cannot`,
        { next: 'leave mirror out of the spec, or choose router.driver embedded' },
      );
    }
    await turnOn(order, context);
    const { wait } = context.release(planned.release).spec.mirror ?? { wait: 0 };
    const begunAt = beginOf(context);
    for (;;) {
      const summary = await look(order, context);
      // By the clock on the wall: run again after a crash, it goes on, since the copies have gone on too.
      const passed = clock.now() - begunAt;
      const enough = summary !== null && summary.compared >= planned.leastRequests;
      if (passed >= planned.forMs && (enough || passed >= planned.forMs + wait)) break;
      context.report(progress(summary, planned, Math.max(0, planned.forMs - passed)));
      await clock.sleep(Math.max(1, Math.min(lookMs, planned.forMs - passed || lookMs)), signal);
    }
    await turnOff(context);
    await clock.sleep(settleMs, signal);
    const report = await context.router.mirrored(context.service().name, order.id);
    const summary = report && summarize(report);
    if (report && summary)
      await context.record({ type: 'mirror-compared', deployment: context.deployment, summary });
    const says = judge(planned, context, report, summary);
    return { says };
  },

  async undo(_planned, context) {
    const { name, mirror } = context.service();
    // The log may say that it is off, and the router not have been told.
    if (mirror === null && (await context.router.read(name))?.mirror === undefined)
      return { says: 'nothing is copied' };
    await turnOff(context);
    return { says: 'nothing is copied any more' };
  },
};

function orderOf({ release, colour }: Planned, context: StepContext): RouteMirror | null {
  const spec = context.release(release).spec.mirror;
  return spec === undefined ? null : routeMirrorOf(spec, mirrorId(context.deployment), colour);
}

/** When the step was begun first, also if it was run again since. */
function beginOf({ service, deployment, clock }: StepContext): number {
  const steps = service().deployments[deployment - 1]?.steps ?? [];
  const own = steps.find(({ planned, status }) => planned.kind === 'mirror' && status === 'running');
  return own?.startedAt ?? clock.now();
}

async function turnOn(order: RouteMirror, context: StepContext): Promise<void> {
  const { deployment, router } = context;
  const { name, mirror } = context.service();
  if (!sameMirror(mirror ?? undefined, order))
    await context.record({ type: 'mirror-set', deployment, mirror: order });
  const inForce = await router.read(name);
  if (!sameMirror(inForce?.mirror, order)) await republish(context);
}

async function turnOff(context: StepContext): Promise<void> {
  await context.record({ type: 'mirror-set', deployment: context.deployment, mirror: null });
  await republish(context);
}

async function look({ id }: RouteMirror, context: StepContext): Promise<DiffSummary | null> {
  const report = await context.router.mirrored(context.service().name, id);
  return report && summarize(report);
}

function progress(summary: DiffSummary | null, { leastRequests }: Planned, leftMs: number): string {
  const compared = summary?.compared ?? 0;
  const differ = summary === null ? '' : `, ${formatShare(differingShare(summary))} differ`;
  const left = leftMs > 0 ? `${formatDuration(leftMs)} to go` : `${leastRequests} are wanted`;
  return `${compared} compared${differ}; ${left}`;
}

/** What there is to say; throws `diff-failed` if too much differs, or too little was compared. */
function judge(
  planned: Planned,
  { service, deployment }: StepContext,
  report: DiffReport | null,
  summary: DiffSummary | null,
): string {
  const { name } = service();
  const { colour, release, leastRequests, limit } = planned;
  const fail = (found: string, next: string): never => {
    throw new CutoverError('diff-failed', `service ${name}, release ${release} on ${colour}: ${found}`, {
      next,
      detail: summary === null ? {} : { mirror: summary },
    });
  };
  const compared = summary?.compared ?? 0;
  if (report === null || summary === null || compared < leastRequests) {
    const skipped = Object.entries(summary?.skipped ?? {}).map(([reason, count]) => `${reason} ${count}`);
    return fail(
      `expected at least ${leastRequests} answers to compare, found ${compared}${skipped.length === 0 ? '' : ` (not compared: ${skipped.join(', ')})`}`,
      'raise mirror.share, mirror.for or mirror.wait, or lower mirror.leastRequests',
    );
  }
  const differs = `${summary.differing} of ${compared} (${formatShare(differingShare(summary))})`;
  if (differingShare(summary) > limit)
    return fail(
      `expected at most ${formatShare(limit)} of the answers to differ, found ${differs}: ${summary.causes.map(formatCause).join('; ') || 'of too many kinds to list'}`,
      `see what differs: cutover diff ${name} ${deployment}; what is meant to differ goes into mirror.ignore`,
    );
  const dropped = dropReasons.reduce((sum, reason) => sum + (summary.skipped[reason] ?? 0), 0);
  return `${differs} differ${summary.noisy === 0 ? '' : `; ${summary.noisy} only where live differs from itself`}${dropped === 0 ? '' : `; ${dropped} dropped`}`;
}
