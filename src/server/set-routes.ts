import { z } from 'zod';
import type { Engine } from '../engine/engine.ts';
import type { MemberOrder, SetDeployment } from '../engine/switch-sets.ts';
import { GoBackRequest, KeepRequest, SetDeployRequest, type SetSwitchedView, type SetView } from './api.ts';
import { orderOf, parsed } from './request.ts';
import type { Route } from './route.ts';
import { switchedView } from './switched-view.ts';
import { planView, setView } from './views.ts';

const json = (body: unknown, status = 200): Response => Response.json(body, { status });

/** What the API can do with sets. In their paths `:service` stands for the name of a set. */
export const setRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/sets',
    async handle(_call, { engine }) {
      const newest = engine.sets.names().map((name) => engine.sets.last(name));
      return json(await Promise.all(newest.map((each) => current(engine, each))));
    },
  },
  {
    method: 'GET',
    path: '/v1/sets/:service',
    handle: async ({ service: set }, { engine }) => json(await current(engine, engine.sets.last(set))),
  },
  {
    method: 'POST',
    path: '/v1/sets/:service/plan',
    handle({ service: set, body }, { engine }) {
      const plans = engine.sets.plan(set, membersOf(parsed(SetDeployRequest, body)));
      return Promise.resolve(json(plans.map(({ service, plan }) => planView(service, plan))));
    },
  },
  {
    method: 'POST',
    path: '/v1/sets/:service/deployments',
    async handle({ service: set, body }, { engine }) {
      const request = parsed(SetDeployRequest, body);
      return json(setView(await engine.sets.deploy(set, membersOf(request), request.by), null), 202);
    },
  },
  {
    method: 'POST',
    path: '/v1/sets/:service/rollback',
    async handle({ service: set, body }, { engine, clock }) {
      const begun = clock.monotonic();
      const { by, ...how } = parsed(GoBackRequest, body);
      const { switched, verdict, number } = await engine.sets.rollback(set, by, how);
      const tookMs = clock.monotonic() - begun;
      const view: SetSwitchedView = {
        name: set,
        number,
        services: switched.map(({ service, ...each }) => ({
          service,
          ...switchedView(engine, service, each, { verdict: null, tookMs }),
        })),
        verdict,
        tookMs,
      };
      return json(view);
    },
  },
  {
    method: 'POST',
    path: '/v1/sets/:service/abort',
    async handle({ service: set, body }, { engine }) {
      const { by, ...how } = parsed(GoBackRequest, body);
      return json(setView(await engine.sets.abort(set, by, how), null), 202);
    },
  },
  {
    method: 'POST',
    path: '/v1/sets/:service/keep',
    async handle({ service: set, body }, { engine }) {
      const { by, reason = null } = parsed(KeepRequest, body);
      return json(setView(await engine.sets.keep(set, by, reason), null), 202);
    },
  },
  {
    method: 'GET',
    path: '/v1/sets/:service/deployments',
    handle({ service: set, query }, { engine }) {
      engine.sets.last(set);
      const limit = parsed(
        z.coerce.number().int().min(1).max(1000).default(100),
        query.get('limit') ?? undefined,
      );
      return Promise.resolve(
        json(
          engine.sets
            .history(set)
            .slice(0, limit)
            .map((each) => setView(each, null)),
        ),
      );
    },
  },
];

const current = async (engine: Engine, newest: SetDeployment): Promise<SetView> =>
  setView(newest, await engine.sets.verdict(newest));

const membersOf = ({ services }: SetDeployRequest): MemberOrder[] =>
  services.map(({ service, ...request }) => ({ service, order: orderOf(service, request) }));
