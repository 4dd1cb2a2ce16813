import { z } from 'zod';
import { Duration } from '../duration.ts';
import { exactlyOne } from './check.ts';
import { Command } from './command.ts';
import { Variables } from './variables.ts';
import { WebhookSpec, webhookName } from './webhook.ts';

/** The stages of a deployment that something can be run before and after. */
export const hookStages = ['ship', 'start', 'verify', 'switch', 'bake', 'rollback', 'retire'] as const;
export const HookStage = z.enum(hookStages);
export type HookStage = z.infer<typeof HookStage>;

/** What a hook that fails means. */
export const OnFailure = z.enum(['stop', 'go-on', 'roll-back']);
export type OnFailure = z.infer<typeof OnFailure>;

/** Stages that no failure of a hook may hold up: traffic that goes back, and a side that is over. */
const unstoppable: readonly (HookStage | undefined)[] = ['rollback', 'retire'];

/** Traffic waits for what is run before a rollback. */
const longestBeforeRollbackMs = 60_000;
const longestMs = 24 * 3_600_000;

const stage = exactlyOne('before', 'after');
const act = exactlyOne('command', 'webhook');

/** Something of the user's own that is run at a stage of a deployment. */
export const Hook = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(80)
      .optional()
      .describe('What it is called in plans, logs and receipts. Default: what it runs.'),
    before: HookStage.optional().describe('It is run before this stage …'),
    after: HookStage.optional().describe('… or after this one.'),
    command: Command.optional().describe(
      'A program that exits 0. It runs in the release, with CUTOVER_STAGE and more in its environment: see docs/hooks.md.',
    ),
    webhook: WebhookSpec.optional().describe('A message that is answered with a status of class 2xx.'),
    variables: Variables.optional().describe('For a command, beyond those of the release; they win.'),
    timeout: Duration.optional().describe(
      'For one try. Default: 30s; before a rollback 5s, for all tries together.',
    ),
    retries: z
      .int()
      .min(0)
      .max(10)
      .optional()
      .describe('Tries beyond the first. Default: 2 for a webhook, 0 for a command.'),
    backoff: Duration.default(1000).describe('Before the first of them; it doubles with each.'),
    onFailure: OnFailure.optional().describe(
      '`roll-back`: the deployment is taken back. `stop`: it waits until somebody says cutover resume, and is tried again then. `go-on`: it is told, and nothing else. Default: roll-back; around a rollback and a retirement go-on, and nothing else.',
    ),
  })
  .refine(stage.holds, stage.error)
  .refine(act.holds, act.error)
  .superRefine((hook, context) => {
    const { onFailure, before, after, timeout, variables, webhook } = hook;
    const refuse = (key: string, input: unknown, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], input, message });
    if (onFailure !== undefined && onFailure !== 'go-on' && unstoppable.includes(before ?? after))
      refuse(
        'onFailure',
        onFailure,
        `expected go-on ${before === undefined ? 'after' : 'before'} ${before ?? after}: nothing keeps traffic from going back, or a side that is over from being stopped`,
      );
    if (webhook !== undefined && variables !== undefined)
      refuse(
        'variables',
        variables,
        'expected no variables with a webhook: only a command has an environment',
      );
    const most = before === 'rollback' ? longestBeforeRollbackMs : longestMs;
    if (timeout !== undefined && (timeout <= 0 || timeout > most))
      refuse(
        'timeout',
        timeout,
        before === 'rollback'
          ? 'expected a time above 0 and of at most 1m before a rollback: the traffic waits for it'
          : 'expected a time above 0 and of at most 1d',
      );
  })
  .meta({
    oneOf: ['before', 'after'].flatMap((when) =>
      ['command', 'webhook'].map((kind) => ({ required: [when, kind] })),
    ),
  });
export type Hook = z.infer<typeof Hook>;

/** What is run, as it may be shown. */
export const hookRuns = ({ command, webhook }: Hook): string =>
  webhook === undefined ? (command?.[0] ?? '') : `webhook ${webhookName(webhook)}`;
