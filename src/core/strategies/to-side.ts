import { other, type Colour } from '../colour.ts';
import { formatAddress } from '../address.ts';
import { CutoverError } from '../errors.ts';
import { ready } from '../environment.ts';
import type { Plan } from '../plan.ts';
import type { Release } from '../release.ts';
import { instancesOf, releaseOf, roleOf, serves, type Service } from '../service.ts';
import { fleetBefore } from '../fleet.ts';
import { drainOf } from './drain-of.ts';
import { coldRelease, roll } from './rolling.ts';
import { withPolicies } from './policies.ts';
import { splitFleet } from './split-fleet.ts';

/** Traffic to a side that is ready already: no boot, no ship, no wait. */
function toSide(kind: 'rollback' | 'switch', service: Service, from: Colour, to: Colour): Plan {
  const back = service.environments[from].release ?? 0;
  const release = service.environments[to].release ?? 0;
  const spec = releaseOf(service, release)?.spec;
  if (!spec) throw new Error(`${to} holds no release`);
  const plan: Plan = {
    kind,
    strategy: 'blue-green',
    release,
    steps: [
      { kind: 'switch', from, to, release },
      drainOf(from, spec.strategy),
      { kind: 'keep', colour: from, release: back, forMs: spec.keep },
    ],
    later: [{ kind: 'retire', colour: from, release: back }],
    notes: [],
  };
  return withPolicies(plan, service, spec);
}

/**
 * The way back to a release that a roll has stopped: instance by instance, as it went. Its instances are started, and what checks ask is
 * asked anew, so it takes as long as a deployment.
 */
function rollBack(service: Service, to: Colour, number: number): Plan {
  const live = service.environments[other(to)].release ?? 0;
  const target = releaseOf(service, number);
  if (!target) throw new Error(`service ${service.name} has no release ${number}`);
  const strategies = [releaseOf(service, live)?.spec.strategy, target.spec.strategy];
  const strategy = strategies.find((each) => each?.kind === 'rolling') ?? target.spec.strategy;
  const { steps, notes, ...plan } = roll(service, target, strategy);
  return withPolicies(
    {
      ...plan,
      kind: 'rollback',
      // A way back is not watched so that it could go forth again by itself.
      steps: steps.filter(({ kind }) => kind !== 'bake'),
      notes: [
        `not hot: the instances of release ${number} were stopped as others took their places, and are started again`,
        ...notes,
      ],
    },
    service,
    target.spec,
  );
}

/** The way back to the release before. Throws `nothing-to-roll-back-to` if it is not hot any more. */
export function rollback(service: Service): Plan {
  const { live, name } = service;
  const older =
    service.releases.length > 1
      ? 'an older release can be deployed again: cutover history, then cutover deploy --release N'
      : undefined;
  const refuse = (why: string): never => {
    throw new CutoverError(
      'nothing-to-roll-back-to',
      `service ${name}: expected a release kept hot for the way back, found ${why}`,
      older === undefined ? { next: 'cutover status shows both environments' } : { next: older },
    );
  };
  if (live === null) return refuse('that nothing was ever live');
  const to = other(live);
  if (roleOf(service, to) !== 'standby') {
    const before = releaseOf(service, fleetBefore(service) ?? 0);
    if (before) return fleetRollback(service, before);
    const cold = coldRelease(service);
    if (cold !== null) return rollBack(service, to, cold);
    const { release, phase } = service.environments[to];
    return refuse(
      release === null ? `${to} empty` : `release ${release} on ${to} ${phase}, which was never live`,
    );
  }
  return toSide('rollback', service, live, to);
}

/** The release before to both environments, by the road on which every release comes. */
function fleetRollback(service: Service, before: Release): Plan {
  const plan: Plan = { ...splitFleet(service, before), kind: 'rollback' };
  return withPolicies(plan, service, before.spec);
}

/** Traffic to the named side. Throws `already-live` or `not-ready`. */
export function switchTo(service: Service, to: Colour): Plan {
  const { live, name } = service;
  if (live === to)
    throw new CutoverError('already-live', `service ${name}: ${to} is live already`, {
      next: `cutover switch ${other(to)}`,
    });
  if (live !== null && serves(service, to))
    throw new CutoverError('already-live', `service ${name}: ${to} serves already, beside ${live}`, {
      next: 'cutover deploy renews one after the other; cutover rollback takes both back to the release before',
    });
  const environment = service.environments[to];
  if (live === null || !ready(environment) || environment.part !== null) {
    const { part, phase } = environment;
    const found =
      environment.release === null
        ? 'it empty'
        : part
          ? `${part.healthy} of ${instancesOf(service, to)} instances of release ${environment.release} there`
          : `release ${environment.release} there ${phase}`;
    const where = environment.placement?.instances[0]?.address;
    throw new CutoverError(
      'not-ready',
      `service ${name}: expected a healthy release on ${to}, found ${found}${where ? ` (${formatAddress(where)})` : ''}`,
      { next: 'cutover deploy brings a release there' },
    );
  }
  return toSide('switch', service, live, to);
}
