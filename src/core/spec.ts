import { z } from 'zod';
import { Duration } from './duration.ts';
import { rollingRules } from './rolling-limits.ts';
import { AnalysisSpec } from './spec/analysis.ts';
import { Check, type Health } from './spec/check.ts';
import { Command } from './spec/command.ts';
import { Hook } from './spec/hook.ts';
import { Gate } from './spec/gate.ts';
import { handoverRules } from './spec/handover.ts';
import { Layer } from './spec/layer.ts';
import { MirrorSpec } from './spec/mirror.ts';
import { Name } from './spec/name.ts';
import { RollbackSpec } from './spec/rollback.ts';
import { NotifyTarget } from './spec/notify.ts';
import { PlatformSpec } from './spec/platform.ts';
import { RouterSpec } from './spec/router.ts';
import { StrategySpec } from './spec/strategy.ts';
import { Variables } from './spec/variables.ts';
import { WarmUp, warmUpRules } from './spec/warm-up.ts';

const Overrides = z.strictObject({
  variables: Variables.default({}).describe('Added to those of the layer; these win.'),
});

/** As much of a spec as the rule about the routed layer looks at. */
const LayersOnly = z.looseObject({
  router: z.looseObject({ layer: Name.optional() }),
  environments: z.looseObject({
    layers: z.record(Name, z.unknown()).refine((layers) => Object.keys(layers).length > 0),
  }),
});

/** What a user writes in `cutover.yaml`. `Spec` is the parsed form: defaults filled in, durations in milliseconds. */
export const Spec = z
  .strictObject({
    service: Name.describe('The name of the service.'),
    router: RouterSpec.describe('How traffic reaches the service.'),
    platform: PlatformSpec.default(PlatformSpec.parse({})).describe('Where environments run.'),
    release: z
      .strictObject({
        from: z
          .string()
          .min(1)
          .default('.')
          .describe('A directory, a .tar, .tar.gz or .tgz archive, or git:REVISION, relative to the spec.'),
        exclude: z
          .array(z.string().min(1))
          .default([])
          .describe('Paths in a directory that are not shipped. `.git` and `.cutover` never are.'),
        build: z
          .array(Command)
          .max(32)
          .default([])
          .describe('Commands run in the release before it is sealed, e.g. [[npm, ci]].'),
      })
      .default({ from: '.', exclude: [], build: [] })
      .describe('What is shipped.'),
    environments: z
      .strictObject({
        variables: Variables.default({}).describe('For every layer of both environments.'),
        layers: z
          .record(Name, Layer)
          .refine((layers) => Object.keys(layers).length > 0, { error: 'expected at least one layer' })
          .meta({ minProperties: 1 })
          .describe('The kinds of parts, by name.'),
        blue: Overrides.default({ variables: {} }).describe('What only blue has.'),
        green: Overrides.default({ variables: {} }).describe('What only green has.'),
      })
      .describe('The two environments. Layers are written once: blue and green are as alike as can be.'),
    analysis: AnalysisSpec.optional().describe(
      'What is looked at while a release takes traffic (canary and bake), and what sends it back. `true`: all defaults. Default: only that its instances are healthy. See docs/analysis.md.',
    ),
    strategy: StrategySpec.default(StrategySpec.parse({})).describe('How a release is taken live.'),
    gates: z
      .array(Gate)
      .max(20)
      .default([])
      .describe('What has to be so before a step begins: approvals, times, answers. See docs/gates.md.'),
    rollback: RollbackSpec.default(RollbackSpec.parse({})).describe(
      'When going back is safe, and who may decide it. See docs/rollback.md.',
    ),
    checks: z
      .array(Check)
      .max(100)
      .default([])
      .describe('Verify: must hold on the new side before the switch.'),
    warmUp: WarmUp.optional().describe(
      'Requests to the new side until its latency has settled, before the checks. Default: none. See docs/warm-up.md.',
    ),
    mirror: MirrorSpec.optional().describe(
      'Copies live traffic to the new side before it gets any, and compares the answers. Default: none. See docs/mirror.md.',
    ),
    hooks: z
      .array(Hook)
      .max(100)
      .default([])
      .describe('Programs and messages of your own, before and after the stages of a deployment.'),
    notify: z
      .array(NotifyTarget)
      .max(20)
      .default([])
      .describe('Who is told what happens, by chat, message or mail. No deployment waits for that.'),
    keep: Duration.default(3_600_000).describe('How long the old side is kept hot for the way back.'),
    keepReleases: z
      .int()
      .min(2)
      .max(1000)
      .default(5)
      .describe('Releases kept on disk; those that a rollback needs always are.'),
  })
  .superRefine(warmUpRules)
  .superRefine(rollingRules)
  .superRefine(handoverRules)
  .superRefine(
    (spec, context) => {
      if (spec.platform.driver === 'host') {
        for (const [name, { active }] of Object.entries(spec.environments.layers))
          if (active !== undefined)
            context.addIssue({
              code: 'custom',
              path: ['environments', 'layers', name, 'active'],
              input: active,
              message:
                'expected no layer with active on hosts: nobody tells them there whether they may work',
            });
      }
      if (spec.mirror !== undefined && spec.router.protocol === 'tcp') {
        context.addIssue({
          code: 'custom',
          path: ['mirror'],
          input: spec.mirror,
          message: 'expected no mirror with protocol tcp: no request is read',
        });
      }
      const layers = Object.keys(spec.environments.layers);
      const { layer } = spec.router;
      if (layer !== undefined && !layers.includes(layer)) {
        context.addIssue({
          code: 'custom',
          path: ['router', 'layer'],
          input: layer,
          message: `expected one of the layers: ${layers.join(', ')}`,
        });
      } else if (layer === undefined && layers.length > 1 && !layers.includes('web')) {
        context.addIssue({
          code: 'custom',
          path: ['router', 'layer'],
          input: layer,
          message: `expected one of the layers ${layers.join(', ')}, since there are several and none is named web`,
        });
      }
    },
    // Also where other parts are wrong, so that all problems are told at once.
    { when: ({ value }) => LayersOnly.safeParse(value).success },
  );
export type Spec = z.infer<typeof Spec>;
export type SpecInput = z.input<typeof Spec>;

/** The layer that gets the traffic. */
export function routedLayer(spec: Spec): string {
  const layers = Object.keys(spec.environments.layers);
  return spec.router.layer ?? (layers.includes('web') ? 'web' : (layers[0] ?? 'web'));
}

const probing = { interval: 250, timeout: 2000, startPeriod: 30_000, healthy: 1, unhealthy: 3 };

/** When an instance of a layer counts as healthy, with the default where the spec says nothing. */
export function healthOf(spec: Spec, layer: string): Health {
  const written = spec.environments.layers[layer]?.health;
  if (written) return written;
  return layer === routedLayer(spec) ? { ...probing, tcp: true } : { ...probing, running: 1000 };
}
