import type { Colour } from '../colour.ts';
import type { Deployment } from '../deployment.ts';
import type { Service } from '../service.ts';
import { combineSides, emptySide, type Counters, type SideCounters } from '../traffic.ts';
import { ended } from './figures.ts';

/** From so many requests on, the minutes of the deployment itself are enough to know a side by. */
const enough = 2000;

/**
 * What the side that had the traffic did before a deployment took it away: since this deployment began if that is many requests, for then
 * the time of day is nearly the same; else since the deployment before it ended. Null if nobody has measured it.
 */
export function figuresBefore(service: Service, deployment: Deployment, colour: Colour): SideCounters | null {
  const to = deployment.measured.switch;
  if (!to) return null;
  const between = (from: Counters | undefined): SideCounters =>
    combineSides(to[colour], from?.bootId === to.bootId ? from[colour] : emptySide(), -1);
  const ofThis = between(deployment.measured.start);
  if (ended(ofThis) >= enough) return ofThis;
  const former = service.deployments.findLast(
    ({ id, switches }) => id < deployment.id && switches.length > 0,
  );
  // Under another release, or while it did not have the traffic, it is not known by what it did.
  if (former?.measured.end === undefined || former.switches.at(-1)?.to !== colour) return ofThis;
  return former.measured.end.bootId === to.bootId ? between(former.measured.end) : ofThis;
}
