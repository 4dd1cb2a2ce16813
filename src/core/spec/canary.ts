import { z } from 'zod';
import { Duration } from '../duration.ts';
import { exactlyOne } from './check.ts';

const weightError = { error: 'expected a whole number of per cent, from 0 to 100' };
const holdError = { error: 'expected a duration such as 500ms, 10s, 5m or 1h, or true' };

/** Which part of the traffic the new side gets, in per cent. */
export const Share = z.int(weightError).min(0, weightError).max(100, weightError);

/** How long the new side is held at its weight; true: until a person says that it goes on. */
export const HoldTime = z.union([Duration, z.literal(true, holdError)], holdError);
export type HoldTime = z.infer<typeof HoldTime>;

const oneAct = exactlyOne('weight', 'hold');

/** One step on the way of a canary. */
export const CanaryStep = z
  .strictObject({
    weight: Share.optional().describe('This part of the traffic goes to the new side, in per cent.'),
    hold: HoldTime.optional().describe(
      'The new side is watched for so long before the next step; `true`: until somebody says `cutover resume` or `cutover promote`.',
    ),
  })
  .refine(oneAct.holds, oneAct.error)
  .meta(oneAct.schema);
export type CanaryStep = z.infer<typeof CanaryStep>;
