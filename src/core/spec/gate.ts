import { z } from 'zod';
import { Duration } from '../duration.ts';
import { TimeWindow } from '../time-window.ts';
import { exactlyOne } from './check.ts';
import { Command } from './command.ts';
import { WebhookSpec } from './webhook.ts';

const personError = { error: 'expected a name in one line, of at most 200 characters' };
const person = z.string(personError).regex(/^[^\p{Cc}]{1,200}$/u, personError);

const oneGate = exactlyOne('approval', 'window', 'command', 'webhook');

/** What has to be so before a step of a deployment begins, as a user writes it under `gates`. */
export const Gate = z
  .strictObject({
    name: z.string().min(1).max(80).optional().describe('What it is called in plans and receipts.'),
    before: z
      .enum(['ship', 'prepare', 'start', 'health', 'verify', 'weigh', 'switch'])
      .default('switch')
      .describe(
        'The step that waits: the first one of this kind; `weigh` is the first part of the traffic, or the switch where all of it moves at once.',
      ),
    approval: z
      .strictObject({
        by: z
          .array(person)
          .min(1)
          .max(100)
          .optional()
          .describe('Who may approve, by the names that they give with `--by`. Default: anybody.'),
        count: z.int().min(1).max(20).default(1).describe('So many people have to.'),
        fourEyes: z.boolean().default(false).describe('Whoever ordered the deployment does not count.'),
      })
      .optional()
      .describe('Somebody says `cutover approve`.'),
    window: TimeWindow.optional().describe('It is within these times.'),
    command: Command.optional().describe(
      'Exits 0. It is run again and again, in the folder of the spec, until it does or exits with one of `deny`.',
    ),
    deny: z
      .array(z.int().min(1).max(255))
      .min(1)
      .max(20)
      .optional()
      .describe('For `command`: exit codes that mean no, once and for all.'),
    webhook: WebhookSpec.optional().describe(
      'Answers a POST with JSON: {"decision": "approved"}, "denied" or "pending". It is asked again and again until it is one of the first two.',
    ),
    interval: Duration.default(10_000).describe('Between two runs of the command, or two questions.'),
    attempt: Duration.default(30_000).describe('How long one run or one answer may take.'),
    reason: z.string().min(1).max(500).optional().describe('What people are told who wait for it.'),
    timeout: Duration.optional().describe('How long it may be waited for. Default: for ever.'),
    onTimeout: z
      .enum(['fail', 'go-on'])
      .default('fail')
      .describe('What then: `fail`: the deployment is taken back. `go-on`: it goes on as if allowed.'),
  })
  .refine(oneGate.holds, oneGate.error)
  .meta(oneGate.schema)
  .superRefine((gate, context) => {
    const issue = (path: string, input: unknown, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], input, message });
    if (gate.deny !== undefined && gate.command === undefined)
      issue('deny', gate.deny, 'expected deny in a gate with a command only');
    if (gate.approval?.by && new Set(gate.approval.by).size < gate.approval.count)
      issue('approval', gate.approval, 'expected at least as many names in by as the gate counts');
    for (const key of ['interval', 'attempt'] as const)
      if (gate[key] < 100 || gate[key] > 86_400_000)
        issue(key, gate[key], 'expected a duration of a gate of at least 100ms and of at most 1d');
  });
export type Gate = z.infer<typeof Gate>;

/** What a gate may wait for. */
export const gateKinds = ['approval', 'window', 'command', 'webhook'] as const;
export type GateKind = (typeof gateKinds)[number];
export const kindOf = (gate: Gate): GateKind =>
  gateKinds.find((kind) => gate[kind] !== undefined) ?? 'approval';
