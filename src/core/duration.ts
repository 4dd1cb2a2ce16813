import { z } from 'zod';
import { durationPattern, parseDuration } from './duration-text.ts';

export { formatDuration, parseDuration } from './duration-text.ts';

/** A duration in a spec: text in, milliseconds out. */
export const Duration = z
  .string({ error: 'expected a duration such as 500ms, 10s, 5m or 1h' })
  .regex(durationPattern, { error: 'expected a duration such as 500ms, 10s, 5m or 1h' })
  .meta({ title: 'duration' })
  .transform((text) => parseDuration(text) ?? 0);
