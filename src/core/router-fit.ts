import type { Caching } from './caching.ts';
import { CutoverError } from './errors.ts';
import type { Plan } from './plan.ts';
import type { Release } from './release.ts';
import { releaseOf, type Service } from './service.ts';
import type { Spec } from './spec.ts';
import { RouterSpec } from './spec/router.ts';

/** What a router says of itself that a plan depends on. */
export interface RouterFit {
  /**
   * What of `router` in a spec it carries out beyond `listen`, as paths: `sticky` with all below it, `protocol=tcp` this value only. All that
   * is not named may be left out of a spec or have its default. `all`: whatever a spec can say.
   */
  readonly carries: 'all' | readonly string[];
  readonly weights: boolean;
  /** It can have both sides serve, or only one of them. Absent: as `weights`. */
  readonly bothServe?: boolean;
  readonly counters: boolean;
  readonly inFlight: boolean;
  /** It can copy requests to the side that is not live. */
  readonly mirror: boolean;
  readonly evict: boolean;
  /** It can put routes of several services in force as one. Absent: it cannot. */
  readonly together?: boolean;
  readonly caching?: Caching;
  /** What of a release it cannot carry out for other reasons than its settings, in words; absent: nothing. */
  readonly misfits?: (spec: Spec) => readonly string[];
  /** It knows how many requests each instance has in flight, also one that was left out of the route while it had some. */
  readonly instances: boolean;
}

/** Of every router, and not its business. */
const ofAll = ['driver', 'listen', 'layer'];

/** Steps that only some routers can take. */
type Need = 'weights' | 'bothServe' | 'mirror' | 'instances';
const stepNeeds: Readonly<Record<string, readonly Need[]>> = {
  weigh: ['weights'],
  withdraw: ['bothServe'],
  rejoin: ['bothServe'],
  mirror: ['mirror'],
  join: ['weights', 'instances'],
  leave: ['instances'],
};

/** What a need is called where it is refused. */
function needWords(need: Need, { strategy }: Plan): string {
  if (need === 'mirror') return 'mirror';
  const kind = `strategy.kind=${strategy}`;
  return need === 'instances' ? `${kind} (it does not tell what is in flight at one instance)` : kind;
}

type Leaf = readonly [path: string, value: unknown];

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * What differs from the default, down to single values; a list is one value, and so is a part that has no default and of which `known`
 * names nothing.
 */
function differences(found: unknown, usual: unknown, path: string, known: readonly string[]): Leaf[] {
  const whole = path !== '' && usual === undefined && !known.some((each) => each.startsWith(`${path}.`));
  if (isMap(found) && !whole)
    return Object.entries(found).flatMap(([key, value]) =>
      differences(value, isMap(usual) ? usual[key] : undefined, path === '' ? key : `${path}.${key}`, known),
    );
  return found === undefined || JSON.stringify(found) === JSON.stringify(usual) ? [] : [[path, found]];
}

const said = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? `=${value}` : '';

/** The settings of `router` that a router does not carry out, as a spec names them, e.g. `router.sticky.by=header`. */
export function notCarried(router: RouterSpec, carries: RouterFit['carries']): string[] {
  if (carries === 'all') return [];
  const known = [...ofAll, router.driver, ...carries];
  const usual = RouterSpec.parse({ listen: ':1' });
  const carried = ([path, value]: Leaf): boolean =>
    known.some((each) => each === path || path.startsWith(`${each}.`) || each === `${path}${said(value)}`);
  return differences(router, usual, '', known)
    .filter((leaf) => !carried(leaf))
    .map(([path, value]) => `router.${path}${said(value)}`);
}

/**
 * Refuses at plan time what a release asks of its router and the router cannot do, all of it at once: nothing is left out silently.
 *
 * @throws CutoverError `router-cannot`
 */
export function expectRouterFits(service: Service, release: Release, plan: Plan, fit: RouterFit): void {
  const { router } = release.spec;
  const live = service.live === null ? null : service.environments[service.live].release;
  const before = live === null ? undefined : releaseOf(service, live)?.spec.router.driver;
  if (before !== undefined && before !== router.driver)
    throw new CutoverError(
      'router-cannot',
      `service ${service.name}: expected router.driver ${before}, which has its traffic, found ${router.driver}`,
      {
        next: 'traffic cannot move from one router to another without a gap: deploy it as a service of another name at another address, and lead clients there',
      },
    );
  const missing = notCarried(router, fit.carries);
  for (const { kind } of plan.steps)
    for (const need of stepNeeds[kind] ?? []) {
      const can = need === 'bothServe' ? (fit.bothServe ?? fit.weights) : fit[need];
      if (!can) missing.push(needWords(need, plan));
    }
  missing.push(...(fit.misfits?.(release.spec) ?? []));
  if (!fit.counters && plan.steps.some((step) => 'analysis' in step && step.analysis !== undefined))
    for (const measure of release.spec.analysis?.measures ?? [])
      if (measure.of !== undefined) missing.push(`analysis.measures of ${measure.of}`);
  if (missing.length === 0) return;
  const each = [...new Set(missing)];
  throw new CutoverError(
    'router-cannot',
    `service ${service.name}: expected what the router ${router.driver} can do, found ${each.join(', ')}`,
    {
      next: `leave out what is named, or choose another router.driver: docs/routers.md has the table of what each can do`,
      detail: { problems: each },
    },
  );
}

/**
 * Refuses services of a set whose router cannot change them at one moment.
 *
 * @throws CutoverError `router-cannot`; `set-unfit` if they are not behind one router
 */
export function expectTogether(
  set: string,
  members: readonly { readonly service: string; readonly release: Release; readonly fit: RouterFit }[],
): void {
  for (const { service, release, fit } of members) {
    if (fit.together) continue;
    throw new CutoverError(
      'router-cannot',
      `set ${set}, service ${service}: expected a router that can change several services at one moment, found ${release.spec.router.driver}, which changes one after the other`,
      { next: 'choose router.driver embedded for all of them, or deploy each by itself' },
    );
  }
  const places = new Set(members.map(({ release }) => placeOf(release)));
  if (places.size === 1) return;
  const drivers = members.map(({ service, release }) => `${service}: ${release.spec.router.driver}`);
  throw new CutoverError(
    'set-unfit',
    `set ${set}: expected services behind one router, found several (${drivers.join(', ')})`,
    { next: 'name the same router under router of each' },
  );
}

/** What tells one router from another. */
const placeOf = ({ spec: { router }, base }: Release): string => {
  const settings = Object.entries(router).find(([key]) => key === router.driver);
  return JSON.stringify([router.driver, router.driver === 'embedded' ? '' : base, settings]);
};

/** What a person should know before a deployment by a router that does not see all. */
export function routerNotes({ router, strategy }: Spec, fit: RouterFit): string[] {
  const { driver } = router;
  const { counters, inFlight, evict } = fit;
  const notes: string[] = [];
  if (!counters) notes.push(`the router ${driver} counts no requests: the receipt will not have them`);
  if (!inFlight && fit.caching === undefined)
    notes.push(`the router ${driver} does not tell what is in flight: a drain takes all of strategy.drain`);
  if (!evict && strategy.leftover === 'close' && strategy.kind !== 'handover')
    notes.push(
      `the router ${driver} ends nothing: what is in flight after strategy.drain goes on until its side is stopped`,
    );
  return notes;
}

/** @throws CutoverError `router-cannot` if the router of a service lets all requests through */
export function expectModes(service: string, driver: string, fit: { readonly modes: boolean }): void {
  if (fit.modes) return;
  throw new CutoverError(
    'router-cannot',
    `service ${service}: expected a router that can hold or refuse requests, found ${driver}, which cannot`,
    { next: 'set the mode where requests are met, or choose router.driver embedded' },
  );
}
