import type { Colour } from '../colour.ts';
import type { PlannedStep } from '../plan.ts';
import type { Spec } from '../spec.ts';

/** How the side that has lost the traffic is drained. */
export const drainOf = (colour: Colour, { drain, leftover, closeOver }: Spec['strategy']): PlannedStep => ({
  kind: 'drain',
  colour,
  forMs: drain,
  closeOverMs: leftover === 'close' ? closeOver : null,
});
