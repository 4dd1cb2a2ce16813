import type { Colour } from '../core/colour.ts';
import { formatDuration } from '../core/duration.ts';
import { CutoverError } from '../core/errors.ts';
import type { ServiceEvent } from '../core/event.ts';
import { routeOf } from '../core/route.ts';
import type { Applied, Route } from '../core/traffic.ts';
import type { StepContext } from './step.ts';

/** Where the traffic of one service is to go. */
export interface Move {
  readonly from: Colour | null;
  readonly to: Colour;
}

/**
 * Moves the traffic of several services at one moment. Each gives out its own epoch; all of them are given out by one append, the router is
 * told once, and what came of it is recorded by one append. Nobody else orders anything of them meanwhile.
 *
 * @param moves one for each context
 */
export async function switchTogether(all: readonly StepContext[], moves: readonly Move[]): Promise<void> {
  const [first] = all;
  if (!first) return;
  await inTurns(all, async () => {
    await first.set.record((services) =>
      services.map((service, index): ServiceEvent[] => {
        const { deployment, to } = partOf(all, moves, index);
        return [{ type: 'route-ordered', deployment, epoch: service.epoch + 1, live: to }];
      }),
    );
    const routes = all.map((context, index): Route => {
      const service = context.service();
      return routeOf(service, partOf(all, moves, index).to, service.epoch);
    });
    const begun = first.clock.monotonic();
    const applied = await applyTogether(first, routes);
    const switchMs = first.clock.monotonic() - begun;
    // What is in force is told as it is, whatever a person has ordered meanwhile.
    await first.set.record(
      (services) =>
        services.map((_service, index): ServiceEvent[] => {
          const { deployment, from, to } = partOf(all, moves, index);
          const each = applied[index];
          if (!each) throw new Error(`the router said nothing of service ${routes[index]?.service}`);
          const { epoch, holdMs, held, counters } = each;
          return [
            ...(first.router.capabilities.counters
              ? [{ type: 'traffic-measured', deployment, moment: 'switch', counters } as const]
              : []),
            { type: 'traffic-switched', deployment, epoch, from, to, switchMs, holdMs, held },
          ];
        }),
      { evenIfAborted: true },
    );
  });
}

/** What there is to say of the last switch of a service. */
export function saysOfSwitch({ service, deployment }: StepContext, set: string): string {
  const last = service().deployments[deployment - 1]?.switches.at(-1);
  if (!last) throw new Error(`deployment ${deployment} has not switched`);
  const { to, switchMs, holdMs, held } = last;
  return `${to} is live after ${formatDuration(switchMs)}, with all of set ${set} (requests held for ${formatDuration(holdMs)}: ${held})`;
}

function applyTogether({ router }: StepContext, routes: readonly Route[]): Promise<readonly Applied[]> {
  if (router.applyTogether) return router.applyTogether(routes);
  throw new CutoverError('router-cannot', 'the router cannot change several services as one', {
    next: 'take one that can: docs/routers.md',
  });
}

function partOf(
  all: readonly StepContext[],
  moves: readonly Move[],
  index: number,
): Move & { deployment: number } {
  const context = all[index];
  const move = moves[index];
  if (!context || !move) throw new Error('expected a move for each service of the set');
  return { deployment: context.deployment, ...move };
}

/** Takes the turns of all, always in the order of their names, so that two who do so do not wait for each other. */
function inTurns<T>(all: readonly StepContext[], act: () => Promise<T>): Promise<T> {
  const ordered = all.toSorted((a, b) => (a.service().name < b.service().name ? -1 : 1));
  return ordered.reduceRight<() => Promise<T>>((inner, context) => () => context.inTurn(inner), act)();
}
