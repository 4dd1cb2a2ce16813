import type { PlanView } from '../../server/api.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless } from '../terminal/text.ts';

/** A plan for people: its steps numbered, how each is taken back, what comes later. */
export function planLines({ service, plan, steps, later }: PlanView, paint: Paint): string[] {
  const width = String(steps.length).length;
  const title = `${paint.bold(service)}: ${plan.kind} of release ${plan.release}, ${plan.strategy}`;
  const lines = [title, ...plan.notes.map((note) => `  ${paint.yellow('!')} ${harmless(note)}`)];
  for (const [index, { describe, describeUndo }] of steps.entries()) {
    lines.push(`  ${String(index + 1).padStart(width)}. ${harmless(describe)}`);
    if (describeUndo !== null)
      lines.push(`  ${' '.repeat(width)}  ${paint.dim(`↶ ${harmless(describeUndo)}`)}`);
  }
  if (later.length > 0) {
    lines.push('  later, unless another deployment comes first:');
    for (const { describe } of later) lines.push(`  ${' '.repeat(width)}  ${harmless(describe)}`);
  }
  lines.push(paint.dim('  nothing was changed; ↶ is how a step is taken back if one after it fails'));
  return lines;
}
