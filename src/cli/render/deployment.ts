import { describeVerdict } from '../../core/verdict.ts';
import type { DeploymentView, StepView } from '../../server/api.ts';
import type { Paint } from '../terminal/paint.ts';
import { columnsOf, fitted, harmless, padded } from '../terminal/text.ts';
import { measureLines } from './measures.ts';
import { duration, moment, releaseName } from './words.ts';

/** What a view of a deployment is drawn with. */
export interface Drawing {
  /** Milliseconds since 1970, for the time that has gone by. */
  readonly now: number;
  readonly paint: Paint;
  /** Which picture of the turning mark. */
  readonly frame?: number;
  /** What the step under way says of itself. */
  readonly progress?: string | null;
  readonly away?: boolean;
  /** How wide a line may be: what a step says is cut, its time is not. */
  readonly columns?: number;
}

const turning = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;

/** `shop: deployment 3, deploy of release 2 (v2) by me@host`. */
export const deploymentTitle = (
  { service, id, kind, release, version, by }: DeploymentView,
  paint: Paint,
): string =>
  `${paint.bold(service)}: deployment ${id}, ${kind} of ${releaseName(release, version)} ${paint.dim(`by ${harmless(by)}`)}`;

/** A line for each step: a mark, its name, what it says, how long it took; below it one for each measure of its analysis. */
export function stepLines(view: DeploymentView, drawing: Drawing): string[] {
  const width = Math.max(...view.steps.map(({ kind }) => kind.length));
  return view.steps.flatMap((step) => [
    stepLine(step, width, drawing),
    ...measureLines(step.measures ?? [], drawing.paint).map((line) => {
      const room = (drawing.columns ?? Infinity) - 6;
      return `      ${columnsOf(line) > room ? fitted(line, room) : line}`;
    }),
  ]);
}

/** The whole picture while it is followed on a terminal. */
export function deploymentLines(view: DeploymentView, drawing: Drawing): string[] {
  const { paint, away = false } = drawing;
  return [
    deploymentTitle(view, paint),
    ...view.notes.map((note) => `  ${paint.yellow('!')} ${harmless(note)}`),
    ...stepLines(view, drawing),
    ...pausedLines(view, drawing),
    ...(away ? [`  ${paint.yellow('the controller is away; waiting for it (traffic flows on)')}`] : []),
  ];
}

/** Who has paused it, and how it goes on. */
export function pausedLines(
  { service, paused }: Pick<DeploymentView, 'service' | 'paused'>,
  { paint, now }: Pick<Drawing, 'paint' | 'now'>,
): string[] {
  if (!paused) return [];
  const why = paused.reason === null ? '' : ` (${harmless(paused.reason)})`;
  const since = duration(Math.max(0, now - paused.at));
  return [
    `  ${paint.yellow('paused')} by ${harmless(paused.by)} ${since} ago${why}: cutover resume ${service} goes on`,
  ];
}

function stepLine(step: StepView, width: number, drawing: Drawing): string {
  const { paint } = drawing;
  const name = padded(step.kind, width);
  const took = elapsed(step, drawing.now);
  const again = step.attempts > 1 ? paint.yellow(` (run ${step.attempts} times)`) : '';
  const time = took === null ? '' : `  ${paint.dim(duration(took))}`;
  const text = words(step, drawing);
  const { mark, tone } = look(step, drawing);
  const room = (drawing.columns ?? Infinity) - columnsOf(`    ${name}  ${again}${time}`);
  return `  ${mark} ${tone(name)}  ${columnsOf(text) > room ? fitted(text, room) : text}${again}${time}`;
}

function look(
  { status }: StepView,
  { paint, frame = 0 }: Drawing,
): { mark: string; tone: (text: string) => string } {
  switch (status) {
    case 'pending':
      return { mark: paint.dim('·'), tone: paint.dim };
    case 'running':
      return { mark: paint.cyan(turning[frame % turning.length] ?? '·'), tone: paint.bold };
    case 'undoing':
      return { mark: paint.yellow(turning[frame % turning.length] ?? '·'), tone: paint.bold };
    case 'done':
      return { mark: paint.green('✓'), tone: (text) => text };
    case 'failed':
    case 'stuck':
      return { mark: paint.red('✗'), tone: paint.bold };
    case 'undone':
      return { mark: paint.yellow('↶'), tone: (text) => text };
  }
}

function words(
  { status, says, describe, describeUndo, error }: StepView,
  { paint, progress }: Drawing,
): string {
  switch (status) {
    case 'pending':
      return paint.dim(describe);
    case 'running':
      return harmless(progress ?? describe);
    case 'undoing':
      return harmless(`taking back: ${describeUndo ?? 'nothing to take back'}`);
    case 'done':
    case 'undone':
      return harmless(says ?? describe);
    case 'failed':
      return paint.red(`failed: ${error?.code ?? 'unknown'}`);
    case 'stuck':
      return paint.red(`could not be taken back: ${error?.code ?? 'unknown'}`);
  }
}

/** Milliseconds from the beginning of the step to its end, or to now; null before it. Taking back is not counted. */
export function elapsed({ status, startedAt, endedAt }: StepView, now: number): number | null {
  if (startedAt === null) return null;
  if (endedAt !== null) return endedAt - startedAt;
  return status === 'running' ? Math.max(0, now - startedAt) : null;
}

/**
 * What has changed from one view of a deployment to the next, for where lines cannot be drawn over: a line when a step begins and one when
 * it ends, without colours.
 */
export function changeLines(before: DeploymentView | null, after: DeploymentView): string[] {
  const lines = after.steps.flatMap((step, index) => {
    const last = before?.steps[index];
    if (last?.status === step.status) return [];
    const line = changeLine(step);
    return line === null || (last === undefined && step.status === 'pending') ? [] : [line];
  });
  if (after.paused && !before?.paused) lines.push(`paused by ${harmless(after.paused.by)}`);
  if (before?.paused && !after.paused && after.status === 'running') lines.push('resumed');
  if (after.status === 'turning-back' && before?.status !== 'turning-back') {
    lines.push(`turning back: ${harmless(after.failure?.message ?? 'unknown why')}`);
  }
  if (after.status === 'frozen' && after.endedAt === null && before?.status !== 'frozen') {
    const cost = after.verdict === null ? '' : `; going back is ${describeVerdict(after.verdict)}`;
    lines.push(`frozen: ${harmless(`${after.failure?.message ?? 'unknown why'}${cost}`)}`);
  }
  return lines;
}

function changeLine(step: StepView): string | null {
  const { kind, status, describe, describeUndo, says, error } = step;
  const took = elapsed(step, 0);
  const within = took === null ? '' : ` in ${duration(took)}`;
  switch (status) {
    case 'pending':
      return null;
    case 'running':
      return `${kind} begins: ${harmless(describe)}`;
    case 'done':
      return `${kind} done${within}: ${harmless(says ?? describe)}`;
    case 'failed':
      return `${kind} failed${within}: ${harmless(error?.message ?? 'unknown why')}`;
    case 'undoing':
      return describeUndo === null ? null : `${kind} is taken back: ${harmless(describeUndo)}`;
    case 'undone':
      return describeUndo === null ? null : `${kind} taken back: ${harmless(says ?? describeUndo)}`;
    case 'stuck':
      return `${kind} could not be taken back: ${harmless(error?.message ?? 'unknown why')}`;
  }
}

/** One line about when and how it went. */
export function outcomeLine(
  { status, startedAt, endedAt, frozenAt, failure, decision }: DeploymentView,
  { paint, now }: Drawing,
): string {
  const took = duration((endedAt ?? now) - startedAt);
  const began = `began ${moment(startedAt)}`;
  switch (status) {
    case 'running':
      return `${paint.cyan('running')} for ${took}, ${began}`;
    case 'turning-back':
      return `${paint.yellow('turning back')}, after ${took}, ${began}`;
    case 'succeeded':
      if (decision?.decision === 'keep')
        return `${paint.green('succeeded')} in ${took}, ${began}: ${failure?.code ?? 'a step had failed'}, and ${harmless(decision.by)} kept the new side`;
      return `${paint.green('succeeded')} in ${took}, ${began}`;
    case 'undone':
      return `${paint.yellow('undone')} after ${took}, ${began}`;
    case 'frozen':
      if (endedAt === null)
        return `${paint.red('frozen')} for ${duration(now - (frozenAt ?? now))}, ${began}: going back is not safe; a person decides`;
      return `${paint.red('frozen')} after ${took}, ${began}: it could not be taken back whole; a person decides`;
  }
}
