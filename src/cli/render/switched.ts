import { describeVerdict } from '../../core/verdict.ts';
import type { SwitchedView } from '../../server/api.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless } from '../terminal/text.ts';
import { counted, duration, releaseOn } from './words.ts';

/** Where the traffic is now, how long that took, and what it cost. */
export function switchedLines(
  service: string,
  { deployment, from, to, epoch, release, version, switchMs, holdMs, held, tookMs, verdict }: SwitchedView,
  paint: Paint,
): string[] {
  const lines = [
    `${paint.green('live:')} ${paint.bold(service)}, ${releaseOn(release, version, to)}, ${duration(tookMs)} after the order`,
    `  ${from === null ? 'switched' : `switched from ${from} to ${to}`} in ${duration(switchMs)}; ${counted(held, 'request')} held for at most ${duration(holdMs)}; epoch ${epoch}`,
  ];
  if (verdict !== null) {
    const tone = verdict.verdict === 'safe' ? paint.green : paint.yellow;
    lines.push(`  going back was ${tone(harmless(describeVerdict(verdict)))}`);
  }
  lines.push(
    paint.dim(`  the old side is drained and kept: cutover show ${deployment} --follow --service ${service}`),
  );
  return lines;
}
