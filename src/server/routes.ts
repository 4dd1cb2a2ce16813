import { z } from 'zod';
import { Colour } from '../core/colour-schema.ts';
import { CutoverError } from '../core/errors.ts';
import { approve, pause, promote, resume } from '../core/intervene.ts';
import { previewWays } from '../core/preview-ways.ts';
import { PassOrder } from '../core/testers.ts';
import { current } from '../core/service.ts';
import { mirrorId } from '../core/spec/mirror.ts';
import { targetName } from '../core/spec/notify.ts';
import { percentOf } from '../core/weights.ts';
import type { Engine } from '../engine/engine.ts';
import { deploymentOf } from '../engine/walk.ts';
import {
  ApproveRequest,
  ByRequest,
  GoBackRequest,
  KeepRequest,
  DeployRequest,
  ModeRequest,
  PauseRequest,
  PromoteRequest,
  SwitchRequest,
  StopRequest,
  type CountersView,
  type IntervenedView,
  type DiffView,
  type LogsView,
  type ModeSetView,
  type NoticesView,
  type NoticeTestView,
  type StatusView,
} from './api.ts';
import { expositionType } from '../core/exposition.ts';
import { eventStream } from './event-stream.ts';
import { orderOf, parsed } from './request.ts';
import type { Route } from './route.ts';
import { setRoutes } from './set-routes.ts';
import { switchedView } from './switched-view.ts';
import { controllerMetrics } from './metrics.ts';
import { deploymentView, modeView, pausedView, planView, serviceView } from './views.ts';

const json = (body: unknown, status = 200): Response => Response.json(body, { status });

/** The one table of all that the API can do. */
export const routes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/status',
    async handle(_call, { engine, identity, proxy, proxies = () => [] }) {
      const [seen, services] = await Promise.all([
        proxy(),
        Promise.all(engine.services().map(({ name }) => serviceView(engine, name))),
      ]);
      const others = proxies();
      const status: StatusView = {
        controller: identity,
        proxy: seen,
        ...(others.length > 0 && { proxies: others }),
        services,
      };
      return json(status);
    },
  },
  {
    method: 'GET',
    path: '/v1/metrics',
    handle: (_call, controller) =>
      Promise.resolve(
        new Response(controllerMetrics(controller), { headers: { 'content-type': expositionType } }),
      ),
  },
  {
    method: 'GET',
    path: '/v1/services/:service',
    handle: async ({ service }, { engine }) => json(await serviceView(engine, service)),
  },
  {
    method: 'POST',
    path: '/v1/services/:service/plan',
    async handle({ service, body }, { engine }) {
      const order = orderOf(service, parsed(DeployRequest, body));
      return json(planView(service, await engine.plan(service, order)));
    },
  },
  {
    method: 'POST',
    path: '/v1/services/:service/deployments',
    async handle({ service, body }, { engine }) {
      const request = parsed(DeployRequest, body);
      const { alone = false } = request;
      const deployment = await engine.deploy(service, orderOf(service, request), request.by, alone);
      return json(deploymentView(engine.service(service), deployment), 202);
    },
  },
  {
    method: 'POST',
    path: '/v1/services/:service/rollback',
    async handle({ service, body }, { engine, clock }) {
      const begun = clock.monotonic();
      const { by, ...how } = parsed(GoBackRequest, body);
      const { verdict, ...switched } = await engine.rollback(service, by, how);
      return json(switchedView(engine, service, switched, { verdict, tookMs: clock.monotonic() - begun }));
    },
  },
  {
    method: 'POST',
    path: '/v1/services/:service/switch',
    async handle({ service, body }, { engine, clock }) {
      const begun = clock.monotonic();
      const { to, by, ...how } = parsed(SwitchRequest, body);
      const { verdict, ...switched } = await engine.switchTo(service, to, by, how);
      return json(switchedView(engine, service, switched, { verdict, tookMs: clock.monotonic() - begun }));
    },
  },
  {
    method: 'POST',
    path: '/v1/services/:service/mode',
    async handle({ service, body }, { engine }) {
      const { by, reason = null, ...order } = parsed(ModeRequest, body);
      const set = await engine.setMode(service, order, { by, reason });
      const { page: _page, ...mode } = set.mode;
      const view: ModeSetView = { service, ...set, mode };
      return json(view);
    },
  },
  {
    method: 'GET',
    path: '/v1/services/:service/modes',
    handle: ({ service }, { engine }) =>
      Promise.resolve(json(engine.service(service).modes.toReversed().map(modeView))),
  },
  {
    method: 'POST',
    path: '/v1/services/:service/abort',
    async handle({ service, body }, { engine }) {
      const { by, ...how } = parsed(GoBackRequest, body);
      const { deployment } = await engine.abort(service, by, how);
      return json(deploymentView(engine.service(service), deployment), 202);
    },
  },
  {
    method: 'POST',
    path: '/v1/services/:service/keep',
    async handle({ service, body }, { engine }) {
      const { by, reason = null } = parsed(KeepRequest, body);
      const deployment = await engine.keep(service, by, reason);
      return json(deploymentView(engine.service(service), deployment), 202);
    },
  },
  {
    method: 'POST',
    path: '/v1/services/:service/approve',
    handle({ service, body }, { engine }) {
      const { by, gate = null, reject, reason = null } = parsed(ApproveRequest, body);
      return intervened(engine, service, (now) => approve(now, { by, gate, approved: !reject, reason }));
    },
  },
  {
    method: 'POST',
    path: '/v1/services/:service/pause',
    handle({ service, body }, { engine }) {
      const { by, reason = null } = parsed(PauseRequest, body);
      return intervened(engine, service, (now) => pause(now, by, reason));
    },
  },
  {
    method: 'POST',
    path: '/v1/services/:service/resume',
    handle({ service, body }, { engine }) {
      const { by } = parsed(ByRequest, body);
      return intervened(engine, service, (now) => resume(now, by));
    },
  },
  {
    method: 'POST',
    path: '/v1/services/:service/promote',
    handle({ service, body }, { engine }) {
      const { by, force } = parsed(PromoteRequest, body);
      return intervened(engine, service, (now) => promote(now, by, force));
    },
  },
  {
    method: 'GET',
    path: '/v1/services/:service/deployments',
    handle({ service: name, query }, { engine }) {
      const service = engine.service(name);
      const limit = parsed(
        z.coerce.number().int().min(1).max(1000).default(100),
        query.get('limit') ?? undefined,
      );
      const newest = service.deployments.slice(-limit).reverse();
      return Promise.resolve(json(newest.map((deployment) => deploymentView(service, deployment))));
    },
  },
  {
    method: 'GET',
    path: '/v1/services/:service/deployments/:id',
    handle({ service: name, id }, { engine }) {
      const service = engine.service(name);
      const last = service.deployments.length;
      if (id > last) {
        throw new CutoverError(
          'deployment-unknown',
          `service ${name}: expected a deployment from 1 to ${last}, found ${id}`,
          {
            next: 'cutover history shows them',
          },
        );
      }
      return Promise.resolve(json(deploymentView(service, deploymentOf(service, id))));
    },
  },
  {
    method: 'GET',
    path: '/v1/services/:service/receipts',
    handle({ service: name }, { engine }) {
      const { deployments } = engine.service(name);
      return Promise.resolve(json(deployments.flatMap(({ receipt }) => receipt ?? [])));
    },
  },
  {
    method: 'GET',
    path: '/v1/services/:service/notices',
    handle({ service: name }, { engine }) {
      const { notices, releases } = engine.service(name);
      const targets = (releases.at(-1)?.spec.notify ?? []).map(targetName);
      const view: NoticesView = { service: name, targets, ...notices, ended: notices.ended.toReversed() };
      return Promise.resolve(json(view));
    },
  },
  {
    method: 'POST',
    path: '/v1/services/:service/notices/test',
    async handle({ service, body }, { engine }) {
      const tests = await engine.testNotifications(service, parsed(ByRequest, body).by);
      const views: NoticeTestView[] = tests.map(({ name, delivery: { ok, detail } }) => ({
        name,
        ok,
        detail,
      }));
      return json(views);
    },
  },
  {
    method: 'GET',
    path: '/v1/services/:service/counters',
    async handle({ service: name }, { engine }) {
      const router = engine.routerOf(name);
      if (!router.capabilities.counters)
        throw new CutoverError('router-cannot', `service ${name}: its router counts no requests`, {
          next: 'ask what stands before it, or the instances',
        });
      const [route, counters] = await Promise.all([router.read(name), router.counters(name)]);
      const deployment = current(engine.service(name));
      const view: CountersView = {
        service: name,
        live: route?.live ?? null,
        weights: route?.weights ? percentOf(route.weights) : null,
        paused: deployment ? pausedView(deployment) : null,
        counters,
      };
      return json(view);
    },
  },
  {
    method: 'GET',
    path: '/v1/services/:service/preview',
    async handle({ service: name }, { engine }) {
      const route = await engine.routerOf(name).read(name);
      if (route) return json(previewWays(route));
      throw new CutoverError('not-ready', `service ${name}: expected something live, found nothing`, {
        next: 'cutover deploy brings the first release there',
      });
    },
  },
  {
    method: 'POST',
    path: '/v1/services/:service/pass',
    async handle({ service: name, body }, { engine }) {
      const order = parsed(PassOrder, body);
      const router = engine.routerOf(name);
      if (router.pass) return json(await router.pass(name, order));
      throw new CutoverError('router-cannot', `service ${name}: its router lets no testers in by cookie`, {
        next: 'see the other ways: cutover preview',
      });
    },
  },
  {
    method: 'GET',
    path: '/v1/services/:service/diff',
    async handle({ service: name, query }, { engine }) {
      const { deployments } = engine.service(name);
      const named = parsed(z.coerce.number().int().min(1).optional(), query.get('deployment') ?? undefined);
      const mirrored = deployments.findLast(({ steps }) =>
        steps.some(({ planned, startedAt }) => planned.kind === 'mirror' && startedAt !== null),
      );
      const deployment = named ?? mirrored?.id ?? null;
      const report =
        deployment === null ? null : await engine.routerOf(name).mirrored(name, mirrorId(deployment));
      const view: DiffView = { deployment, report };
      return json(view);
    },
  },
  {
    method: 'GET',
    path: '/v1/services/:service/logs',
    async handle({ service: name, query }, { engine }) {
      const service = engine.service(name);
      const lines = parsed(
        z.coerce.number().int().min(1).max(10_000).default(100),
        query.get('lines') ?? undefined,
      );
      const colour =
        parsed(Colour.optional(), query.get('environment') ?? undefined) ?? service.live ?? 'blue';
      const layer = query.get('layer') ?? undefined;
      const after = query.get('after') ?? undefined;
      const logs = await engine.platformOf(name).logs({ service: name, colour }, { lines, layer, after });
      const view: LogsView = { environment: colour, ...logs };
      return json(view);
    },
  },
  {
    method: 'GET',
    path: '/v1/services/:service/events',
    handle: ({ service, query, signal }, { engine }) => {
      const after = parsed(z.coerce.number().int().min(0).default(0), query.get('after') ?? undefined);
      return eventStream(engine, service, after, signal);
    },
  },
  ...setRoutes,
  {
    method: 'POST',
    path: '/v1/stop',
    handle: ({ body }, { stop }) => {
      stop(parsed(StopRequest, body));
      return Promise.resolve(json({}, 202));
    },
  },
];

async function intervened(
  engine: Engine,
  name: string,
  decide: Parameters<Engine['intervene']>[1],
): Promise<Response> {
  const { deployment, changed } = await engine.intervene(name, decide);
  const view: IntervenedView = { changed, deployment: deploymentView(engine.service(name), deployment) };
  return json(view);
}
