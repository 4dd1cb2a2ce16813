import type { Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Route } from '../../core/traffic.ts';

/**
 * The route that sends all traffic to `to`, under the next epoch: weights end with it.
 *
 * @throws CutoverError `already-live`; `not-ready` if that side has no instance
 */
export function switched(route: Route, to: Colour): Route {
  const { weights, ...rest } = route;
  if (route.live === to && weights === undefined)
    throw new CutoverError('already-live', `service ${route.service}: ${to} is live already`, {
      next: 'cutover proxy status shows it',
    });
  if (route[to].instances.length === 0)
    throw new CutoverError(
      'not-ready',
      `service ${route.service}: expected an instance on ${to}, found none`,
      {
        next: `start the proxy again with --${to} HOST:PORT, or PUT a route with an instance on ${to} to its admin socket (docs/proxy.md); then switch`,
      },
    );
  // What had the traffic until now may go on answering for it (`Route.kept`).
  const kept = route.live !== to || route.kept === true;
  // What gets the traffic gets no copies.
  const { mirror, ...bare } = rest;
  const copies = mirror !== undefined && mirror.to !== to ? { mirror } : {};
  return { ...bare, ...copies, ...(kept && { kept }), live: to, epoch: route.epoch + 1 };
}
