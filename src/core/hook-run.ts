import { z } from 'zod';
import { HookStage } from './spec/hook.ts';

/** What came of a hook, for the log and the receipt. */
export const HookRun = z.object({
  /** What the hook was told: the same when it is run again. */
  id: z.string(),
  name: z.string(),
  when: z.enum(['before', 'after']),
  stage: HookStage,
  ok: z.boolean(),
  /** One line: what was expected and what was found. */
  detail: z.string(),
  tries: z.int().min(1),
  ms: z.number(),
  /** The end of what a command printed. */
  output: z.array(z.string()),
});
export type HookRun = z.infer<typeof HookRun>;

const mostLines = 20;
const mostCharacters = 300;

/** As much of an output as is kept in the log. */
export const keptOutput = (lines: readonly string[]): string[] =>
  lines
    .slice(-mostLines)
    .map((line) => (line.length > mostCharacters ? `${line.slice(0, mostCharacters)}…` : line));
