import { z } from 'zod';
import { other, type Colour } from '../colour.ts';
import { Duration } from '../duration.ts';
import { CutoverError } from '../errors.ts';
import type { Plan, PlannedStep } from '../plan.ts';
import type { Release } from '../release.ts';
import { nextColour, releaseOf, type Service } from '../service.ts';
import { HoldTime, Share } from '../spec/canary.ts';
import { blueGreen } from './blue-green.ts';
import { unsound } from './sound.ts';

const bare = <K extends string>(kind: K) => z.strictObject({ kind: z.literal(kind) });

/** One step as a strategy of a user's own writes it. Which side and which release it is for is not its to say. */
export const AuthoredStep = z.discriminatedUnion('kind', [
  bare('ship'),
  bare('prepare'),
  bare('start'),
  bare('health'),
  bare('verify'),
  z.strictObject({ kind: z.literal('weigh'), weight: Share }),
  z.strictObject({ kind: z.literal('hold'), for: HoldTime }),
  bare('switch'),
  z.strictObject({ kind: z.literal('drain'), for: Duration.optional() }),
  z.strictObject({ kind: z.literal('bake'), for: Duration.optional() }),
  bare('keep'),
]);
export type AuthoredStep = z.input<typeof AuthoredStep>;
const AuthoredSteps = z.array(AuthoredStep).min(1).max(500);

/** What a strategy of a user's own is told: plain data. */
export interface StrategyState {
  readonly service: string;
  /** What has the traffic; null before the first release. */
  readonly live: { readonly side: Colour; readonly release: number; readonly version: string } | null;
  /** The side that the release is for. */
  readonly side: Colour;
  readonly release: { readonly number: number; readonly version: string };
  /** `strategy.options` of the spec. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Those of blue/green, to begin with. */
  readonly steps: readonly AuthoredStep[];
}

export function strategyState(service: Service, release: Release): StrategyState {
  const { live, environments, name } = service;
  const number = live === null ? null : environments[live].release;
  const { steps } = blueGreen(service, release);
  return {
    service: name,
    live:
      live === null || number === null
        ? null
        : { side: live, release: number, version: releaseOf(service, number)?.version ?? '' },
    side: nextColour(service),
    release: { number: release.number, version: release.version },
    options: release.spec.strategy.options ?? {},
    steps: steps.map(({ kind }) => AuthoredStep.parse({ kind }) as AuthoredStep),
  };
}

const refused = (service: Service, release: Release, found: string): CutoverError =>
  new CutoverError(
    'strategy-unsound',
    `service ${service.name}, strategy ${release.spec.strategy.module ?? 'custom'}: ${found}`,
    { next: 'mend the strategy; docs/strategies.md says what it may write' },
  );

/**
 * The plan that a strategy of a user's own comes to. Whatever it wrote, what is returned keeps every promise.
 *
 * @param written as it came from the function
 * @throws CutoverError `strategy-unsound`
 */
export function authoredPlan(service: Service, release: Release, written: unknown): Plan {
  const parsed = AuthoredSteps.safeParse(written);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const at = issue?.path[0];
    throw refused(
      service,
      release,
      `expected a list of steps, found a problem${typeof at === 'number' ? ` in step ${at + 1}` : ''}: ${issue?.message ?? 'unknown'}`,
    );
  }
  const base = blueGreen(service, release);
  const { live } = service;
  const to = nextColour(service);
  let weight = 0;
  const steps = parsed.data.map((step, index): PlannedStep => {
    if (step.kind === 'weigh' || step.kind === 'hold') {
      if (step.kind === 'hold') {
        const forMs = step.for === true ? null : step.for;
        return { kind: 'hold', colour: to, release: release.number, back: live, weight, forMs };
      }
      weight = step.weight;
      // With nothing live, it is refused below.
      return { kind: 'weigh', from: live ?? other(to), to, release: release.number, weight };
    }
    const usual = base.steps.find(({ kind }) => kind === step.kind);
    if (!usual)
      throw refused(service, release, `expected no ${step.kind} as step ${index + 1}: nothing is live yet`);
    if ((usual.kind === 'bake' || usual.kind === 'drain') && 'for' in step && step.for !== undefined)
      return { ...usual, forMs: step.for };
    return usual;
  });
  const plan: Plan = { ...base, strategy: 'custom', steps };
  const problem = unsound(plan, service, release);
  if (problem !== null) throw refused(service, release, problem);
  return plan;
}
