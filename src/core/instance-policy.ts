import { z } from 'zod';
import { Duration } from './duration.ts';
import type { Health } from './spec/check.ts';

/** What a user writes under `router.instances`: how the proxy passes over instances that do badly. */
export const InstanceRules = z.strictObject({
  failures: z
    .int()
    .min(0)
    .max(1000)
    .default(5)
    .describe(
      'Failures of an instance in a row, within `window`, that eject it: no connection, no whole response in time, or a status from 500. 0: it is never ejected.',
    ),
  window: Duration.default(10_000).describe('From the first of these failures to the last.'),
  ejectFor: Duration.default(5000).describe(
    'How long it gets no requests; twice as long each time that it is ejected again soon after, up to five minutes.',
  ),
  checkInterval: Duration.default(2000).describe(
    'Between two checks of an instance by the proxy, as `health` of the layer says (http or tcp). 0: it is not checked.',
  ),
  slowStart: Duration.default(10_000).describe(
    'How long the share of an instance that has come, or come back, beside others grows to the whole. 0: it has it at once.',
  ),
});
export type InstanceRules = z.infer<typeof InstanceRules>;

const ms = z.number().min(0);
/** What a check by the proxy asks for. */
export const InstanceProbe = z.object({
  /** Null: it is enough that a connection is taken. */
  http: z
    .object({
      method: z.string(),
      path: z.string(),
      headers: z.record(z.string(), z.string()),
      /** The statuses that are good, both included. */
      from: z.int(),
      to: z.int(),
    })
    .nullable(),
  intervalMs: z.number().min(10),
  timeoutMs: z.number().min(1),
  /** Good ones in a row that make it healthy again; bad ones that make it sick. */
  healthy: z.int().min(1),
  unhealthy: z.int().min(1),
});
export type InstanceProbe = z.infer<typeof InstanceProbe>;

/** The same on the wire to a router. */
export const InstancePolicy = z.object({
  failures: z.int().min(0),
  windowMs: ms,
  ejectForMs: ms,
  slowStartMs: ms,
  probe: InstanceProbe.nullable(),
});
export type InstancePolicy = z.infer<typeof InstancePolicy>;

/** The range of statuses that `200`, `2xx` or `200-399` in a spec stands for. */
export function statusRange(status: number | string): { from: number; to: number } {
  const [first = '', last = first] = String(status).split('-');
  return { from: Number(first.replace('xx', '00')), to: Number(last.replace('xx', '99')) };
}

/** What the router should do with the instances of a layer. A health that only the platform can see is not checked. */
export function instancePolicyOf(rules: InstanceRules, health: Health): InstancePolicy {
  const { failures, window, ejectFor, slowStart, checkInterval } = rules;
  const { http, tcp, timeout, healthy, unhealthy } = health;
  const probed = checkInterval > 0 && (http !== undefined || tcp !== undefined);
  return {
    failures,
    windowMs: window,
    ejectForMs: ejectFor,
    slowStartMs: slowStart,
    probe: probed
      ? {
          http: http
            ? {
                method: http.method,
                path: http.path,
                headers: http.headers,
                ...statusRange(http.status),
              }
            : null,
          intervalMs: Math.max(10, checkInterval),
          timeoutMs: Math.max(1, timeout),
          healthy,
          unhealthy,
        }
      : null,
  };
}
