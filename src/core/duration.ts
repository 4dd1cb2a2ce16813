import { z } from 'zod';
import { durationPattern, parseDuration } from './duration-text.ts';

export { formatDuration, parseDuration } from './duration-text.ts';

const expected = { error: 'expected a duration such as 500ms, 10s, 5m or 1h' };

/** A duration in a spec: text (or the number 0, which needs no unit) in, milliseconds out. */
export const Duration = z
  .union([z.string(expected).regex(durationPattern, expected), z.literal(0, expected)], expected)
  .meta({ title: 'duration' })
  .transform((value) => (value === 0 ? 0 : (parseDuration(value) ?? 0)));
