import { z } from 'zod';
import { Duration } from '../duration.ts';
import { InstanceLimit } from '../instance-limit.ts';
import { Share as ShareOfAll } from '../share.ts';
import { CanaryStep, HoldTime, Share } from './canary.ts';

const kinds = ['blue-green', 'canary', 'split-fleet', 'rolling', 'handover', 'custom'] as const;
const moduleError = { error: 'expected the path of a .ts, .mts, .js or .mjs file' };

/** Which keys belong to which kind. */
const own = {
  'blue-green': [],
  canary: ['steps', 'weights', 'hold'],
  'split-fleet': ['capacity', 'onSecondFailure'],
  rolling: ['surge', 'unavailable', 'hold'],
  handover: [],
  custom: ['module', 'options'],
} as const satisfies Record<(typeof kinds)[number], readonly string[]>;

/** How a release is taken live, as a user writes it under `strategy`. */
export const StrategySpec = z
  .strictObject({
    kind: z
      .enum(kinds)
      .default('blue-green')
      .describe(
        '`blue-green`: all traffic is switched at once. `canary`: the new side gets a part of it first, by `steps` or `weights`. `split-fleet`: both environments serve in normal times, and are renewed one after the other. `rolling`: instance by instance, within `surge` and `unavailable`. `handover`: the new processes take over the listening socket, and the old ones are told to finish. `custom`: a function of your own writes the steps. All can be taken back. See docs/strategies.md.',
      ),
    steps: z
      .array(CanaryStep)
      .min(1)
      .max(100)
      .optional()
      .describe('For `canary`: what is done before the switch, e.g. [{weight: 5}, {hold: 10m}].'),
    weights: z
      .array(Share)
      .min(1)
      .max(50)
      .optional()
      .describe('For `canary`, instead of `steps`: the weights one after the other, each with a `hold`.'),
    hold: HoldTime.optional().describe(
      'For `canary` with `weights`: how long each is held. Default: until somebody says `cutover resume`. For `rolling`: how long the new instances are watched whenever some of them have come into service. Default: not.',
    ),
    surge: InstanceLimit.optional().describe(
      'For `rolling`: so many instances may run beyond the number of the layer that gets traffic, both releases together; a share counts up. Default: 25%.',
    ),
    unavailable: InstanceLimit.optional().describe(
      'For `rolling`: so many instances may be missing from that number in service, both releases together; a share counts down. Default: 0.',
    ),
    capacity: ShareOfAll.optional().describe(
      'For `split-fleet`: this share of the capacity stays in service throughout, such as 50% (the default). A plan that cannot keep it is refused.',
    ),
    onSecondFailure: z
      .enum(['back', 'hold'])
      .optional()
      .describe(
        'For `split-fleet`: what becomes of the half that is renewed already when the other half fails. `back` (the default): it is taken back too. `hold`: it goes on to serve, and a person decides.',
      ),
    module: z
      .string(moduleError)
      .regex(/^[^\0]*[^/\0]\.m?[jt]s$/, moduleError)
      .max(4096, moduleError)
      .optional()
      .describe('For `custom`: the file of the function, relative to the spec.'),
    options: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('For `custom`: what the function is told besides.'),
    drain: Duration.default(30_000).describe('How long the old side may take to finish what it has begun.'),
    leftover: z
      .enum(['close', 'keep'])
      .default('close')
      .describe(
        'What becomes of what is still in flight on the old side then, such as WebSockets: `close`: it is ended, one after the other. `keep`: it goes on until its side is stopped. See docs/long-lived.md.',
      ),
    closeOver: Duration.default(10_000).describe(
      'The time over which what is left is ended, spread evenly: whoever is cut comes back, and not all at once.',
    ),
    bake: Duration.default(0).describe(
      'How long the new side is watched after the switch, ready to go back by itself if it does badly.',
    ),
  })
  .superRefine((strategy, context) => {
    const issue = (path: string, input: unknown, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], input, message });
    const { kind, steps, weights, hold, module } = strategy;
    const keys = new Set(kinds.flatMap((each): readonly (keyof typeof strategy)[] => own[each]));
    for (const key of keys) {
      const of = kinds.filter((each) => own[each].some((one) => one === key));
      if (strategy[key] !== undefined && !of.includes(kind))
        issue(key, strategy[key], `expected no ${key} with kind ${kind}: it is for ${of.join(' and ')}`);
    }
    if (kind === 'canary' && (steps === undefined) === (weights === undefined))
      issue('kind', kind, 'expected either steps or weights with kind canary');
    if (kind === 'canary' && hold !== undefined && weights === undefined && steps !== undefined)
      issue('hold', hold, 'expected hold with weights only, with kind canary: steps have their own');
    if (kind === 'custom' && module === undefined)
      issue('module', module, 'expected a module with kind custom');
  });
export type StrategySpec = z.infer<typeof StrategySpec>;
