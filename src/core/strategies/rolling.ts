import { other, type Colour } from '../colour.ts';
import { CutoverError } from '../errors.ts';
import { shareOf, type InService } from '../in-service.ts';
import type { Plan, PlannedStep } from '../plan.ts';
import type { Release } from '../release.ts';
import { hopeless, rollingLimits, type RollingLimits } from '../rolling-limits.ts';
import { instancesOf, nextColour, type Service } from '../service.ts';
import { routedLayer } from '../spec.ts';
import type { StrategySpec } from '../spec/strategy.ts';
import { blueGreen } from './blue-green.ts';
import { drainOf } from './drain-of.ts';

/** One move of a roll: so many more instances of the new side, or so many fewer of the old one; `after`: how many each then has. */
export interface RollMove {
  readonly act: 'join' | 'leave';
  readonly after: { readonly old: number; readonly fresh: number };
}

/**
 * The moves of a roll from `old` instances to those of the limits, each as large as they allow. New ones first, where there is room for
 * them; one old one stays as long as it can, so that both sides serve until the whole of the traffic moves.
 */
export function rollMoves(old: number, { instances, surge, unavailable }: RollingLimits): RollMove[] {
  const moves: RollMove[] = [];
  const now = { old, fresh: 0 };
  while (now.fresh < instances) {
    const room = Math.min(instances - now.fresh, instances + surge - now.old - now.fresh);
    if (room > 0) {
      now.fresh += room;
      moves.push({ act: 'join', after: { ...now } });
      continue;
    }
    const spare = now.old + now.fresh - (instances - unavailable);
    now.old -= Math.min(spare, Math.max(1, now.old - 1));
    moves.push({ act: 'leave', after: { ...now } });
  }
  return moves;
}

/**
 * The release goes to the other side instance by instance, and the traffic with them: what is in service on each side is its part. No more
 * instances run than the spec allows, and no fewer serve. An old one that has to make room is stopped when nothing is in flight
 * there; where all have room, they are kept for the way back as in blue/green.
 */
export function rolling(service: Service, release: Release): Plan {
  return roll(service, release, release.spec.strategy);
}

/** As `rolling`, by limits that are another release's. */
export function roll(service: Service, release: Release, strategy: StrategySpec): Plan {
  const { steps, later, notes, ...plan } = blueGreen(service, release);
  const { live } = service;
  const to = nextColour(service);
  const before = live === null ? null : service.environments[live].release;
  if (live === null || before === null)
    return {
      ...{ ...plan, strategy: 'rolling', steps, later },
      notes: [...notes, 'nothing is rolled: nothing is live whose instances could be renewed'],
    };
  const layer = routedLayer(release.spec);
  const instances = release.spec.environments.layers[layer]?.instances ?? 1;
  const limits = rollingLimits(strategy, instances);
  expectHope(service.name, limits);
  const roller = new Roller(live, to, { release: release.number, before, layer, strategy });
  const moves = rollMoves(instancesOf(service, live), limits);
  const [ship, prepare, ...rest] = steps;
  const untilVerified = rest.filter(({ kind }) => kind === 'start' || kind === 'health' || kind === 'verify');
  const leaves = moves.some(({ act }) => act === 'leave');
  const rolled = roller.steps(instancesOf(service, live), moves, untilVerified);
  const bake = rest.filter(({ kind }) => kind === 'bake');
  const keepMs = leaves ? 0 : release.spec.keep;
  return {
    ...plan,
    strategy: 'rolling',
    steps: [
      ...[ship, prepare].filter((step) => step !== undefined),
      ...rolled,
      ...bake,
      { kind: 'keep', colour: live, release: before, forMs: keepMs },
    ],
    later,
    notes: [...notes, ...notesOf(release, layer, limits, leaves)],
  };
}

/** @throws CutoverError `spec-invalid`: the limits are those of another release than the one whose instances they are about */
function expectHope(service: string, limits: RollingLimits): void {
  const problem = hopeless(limits);
  if (problem)
    throw new CutoverError('spec-invalid', `service ${service}, strategy.${problem.limit}: ${problem.why}`, {
      next: 'change strategy.surge or strategy.unavailable',
    });
}

function notesOf(
  { spec }: Release,
  layer: string,
  { instances, surge, unavailable }: RollingLimits,
  leaves: boolean,
): string[] {
  const others = Object.keys(spec.environments.layers).filter((name) => name !== layer);
  return [
    `${layer}: at most ${instances + surge} run, and at least ${instances - unavailable} serve, both releases together`,
    ...(others.length > 0
      ? [
          `${others.join(', ')}: there on both sides from the first instance to the last, beside these limits, since each side works with its own`,
        ]
      : []),
    ...(leaves
      ? [
          'the old instances are stopped as they make room: a way back starts them again, one after the other (a surge of 100% keeps them)',
        ]
      : []),
  ];
}

/** What a roll is about: numbers of releases, the layer, and the strategy whose times count. */
interface Rolled {
  readonly release: number;
  readonly before: number;
  readonly layer: string;
  readonly strategy: StrategySpec;
}

class Roller {
  constructor(
    private readonly from: Colour,
    private readonly to: Colour,
    private readonly rolled: Rolled,
  ) {}

  /** From the first instance to the last; `first`: the steps by which the first new ones are brought up. */
  steps(old: number, moves: readonly RollMove[], first: readonly PlannedStep[]): PlannedStep[] {
    const { release, layer, strategy } = this.rolled;
    const { from, to } = this;
    const steps: PlannedStep[] = [];
    let before = this.#inService(old, 0);
    let switched = false;
    let verified = false;
    const all = moves.at(-1)?.after.fresh ?? 0;
    const move = (after: InService): PlannedStep => ({
      ...{ kind: 'switch', from, to, release },
      ...(before[to] > 0 && { instances: { before, after } }),
    });
    for (const [index, { act, after: counts }] of moves.entries()) {
      const after = this.#inService(counts.old, counts.fresh);
      if (act === 'join') {
        if (!verified)
          steps.push(
            ...first.map((step): PlannedStep =>
              step.kind === 'start' && counts.fresh < all ? { ...step, only: counts.fresh } : step,
            ),
          );
        verified = true;
        const isLast = index === moves.length - 1;
        // All of them at once, and at last: that is the switch.
        if (before[to] > 0 || !isLast) {
          steps.push({ kind: 'join', from, to, release, layer, before, after });
          before = after;
          if (!isLast || after[from] > 0) steps.push(...this.#hold(after, switched));
        }
        continue;
      }
      // Once nobody is left on the old side, the traffic is the new one's; the last old ones leave when they have finished.
      if (after[from] === 0) {
        steps.push(move(after), drainOf(from, strategy));
        switched = true;
      }
      const { drain: forMs, leftover, closeOver } = strategy;
      steps.push({
        ...{ kind: 'leave', from, to, release: this.rolled.before, layer, before, after },
        ...{ forMs, closeOverMs: leftover === 'close' ? closeOver : null },
      });
      before = after;
    }
    if (!switched) steps.push(move(this.#inService(0, all)), drainOf(from, strategy));
    return steps;
  }

  #inService(old: number, fresh: number): InService {
    return this.from === 'blue' ? { blue: old, green: fresh } : { blue: fresh, green: old };
  }

  #hold(inService: InService, switched: boolean): PlannedStep[] {
    const { hold } = this.rolled.strategy;
    if (hold === undefined || hold === 0 || switched) return [];
    const { release } = this.rolled;
    const { from, to } = this;
    const weight = shareOf(inService, to);
    return [{ kind: 'hold', colour: to, release, back: from, weight, forMs: hold === true ? null : hold }];
  }
}

/** The release that was live before the one that is, where a roll has stopped its instances: the way back starts them again. Null: there is none. */
export function coldRelease(service: Service): number | null {
  const { live, deployments, environments } = service;
  if (live === null) return null;
  const release = environments[live].release;
  const last = deployments.findLast(({ status, switches }) => status === 'succeeded' && switches.length > 0);
  if (last?.plan.strategy !== 'rolling' || last.plan.release !== release) return null;
  const kept = last.plan.steps.find(({ kind }) => kind === 'keep');
  const left = last.plan.steps.some(({ kind }) => kind === 'leave');
  return kept?.kind === 'keep' && left && kept.colour === other(live) ? kept.release : null;
}
