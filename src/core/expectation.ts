import { z } from 'zod';

const pattern = z
  .string()
  .max(1000)
  .refine(
    (text) => {
      try {
        new RegExp(text, 'u');
        return true;
      } catch {
        return false;
      }
    },
    { error: 'expected a regular expression' },
  );

const atLeastOne = (conditions: object): boolean =>
  Object.values(conditions).some((condition) => condition !== undefined);

/** What a value of an answer has to be, as a user writes it: the value itself, or conditions that must all hold. */
export const Expectation = z
  .union(
    [
      z.string(),
      z.number(),
      z.boolean(),
      z.null(),
      z
        .strictObject({
          exists: z.boolean().optional().describe('Whether it is there at all.'),
          contains: z.string().min(1).optional().describe('A text that it holds.'),
          matches: pattern.optional().describe('A regular expression that some of its text fits.'),
          min: z.number().optional().describe('The least number that it may be.'),
          max: z.number().optional().describe('The greatest.'),
          length: z.int().min(0).optional().describe('How long the list or the text is.'),
        })
        .refine(atLeastOne, {
          error: 'expected at least one of exists, contains, matches, min, max and length',
        })
        .refine(({ min, max }) => min === undefined || max === undefined || min <= max, {
          error: 'expected min not to be above max',
        }),
    ],
    { error: 'expected a value, or a map with exists, contains, matches, min, max or length' },
  )
  .describe('The value itself, or conditions that must all hold.');
export type Expectation = z.infer<typeof Expectation>;

const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};

/** Null if what was found (undefined: nothing) is as expected; else a text such as `expected "ok", found "down"`. */
export function disappointment(expected: Expectation, found: unknown): string | null {
  const unless = (holds: boolean, words: string): string | null =>
    holds ? null : `expected ${words}, found ${shown(found)}`;
  if (typeof expected !== 'object' || expected === null) return unless(found === expected, shown(expected));
  const { exists, contains, matches, min, max, length } = expected;
  const text = typeof found === 'string' ? found : found === undefined ? null : JSON.stringify(found);
  const long = typeof found === 'string' || Array.isArray(found) ? found.length : null;
  return (
    (exists === undefined
      ? null
      : unless((found !== undefined) === exists, exists ? 'a value' : 'nothing')) ??
    (contains === undefined
      ? null
      : unless(text?.includes(contains) === true, `a text that holds ${shown(contains)}`)) ??
    (matches === undefined
      ? null
      : unless(text !== null && new RegExp(matches, 'u').test(text), `a text that fits ${matches}`)) ??
    (min === undefined ? null : unless(numberOf(found) >= min, `at least ${min}`)) ??
    (max === undefined ? null : unless(numberOf(found) <= max, `at most ${max}`)) ??
    (length === undefined ? null : unless(long === length, `a length of ${length}`))
  );
}

/** A number, also one in a header, which is text; NaN, which is neither above nor below anything, for everything else. */
function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : Number.NaN;
}
