import { localRules } from '../../core/proxies/rules.ts';
import type { Look } from '../../proxy/admin/joint.ts';
import { type JointParts, settle } from './joint-apply.ts';
import type { Member } from './member.ts';

const lookMs = 1500;
const orderMs = 3000;
const prepareMs = 10_000;

export interface TendParts extends JointParts {
  /** The services that enter by several proxies, or did. */
  readonly services: () => readonly string[];
  /** Does it if no switch of the service is under way, and lets none begin meanwhile; else does nothing. */
  readonly ifIdle: (service: string, act: () => Promise<void>) => Promise<void>;
}

/**
 * Looks at one proxy and brings it to what was decided: what became of a promise, the route that it has missed, the end of a service that does not enter there
 * any more; and says to one that is right that it is, for a lease. True if it was not right yet, so that it is to be looked at again soon.
 */
export async function tend(parts: TendParts, member: Member): Promise<boolean> {
  const { roll, copies, decided } = parts;
  const known = roll.heard(member.name)?.look;
  // The order matters: what the proxy said was heard before the log is asked, and the log is asked before a lease is given by it.
  const may = known !== undefined && (await parts.inOffice());
  const leases = !may
    ? []
    : parts.services().flatMap((service) => {
        const epoch = decided(service);
        const route = copies.at(service, epoch);
        const stand = known.services.find((each) => each.service === service);
        if (!route || stand?.epoch !== epoch || stand.promised || route.proxies?.missing !== 'go-on')
          return [];
        const lease = roll.lease(member.name, service, route.proxies.leaseMs);
        return lease ? [{ service, epoch, ...lease }] : [];
      });
  let look: Look;
  try {
    look = await member.look({ leases }, lookMs);
  } catch (error) {
    roll.silent(member.name);
    throw error;
  }
  roll.hear(member.name, look);
  let wasWrong = false;
  for (const service of parts.services())
    await parts.ifIdle(service, async () => {
      wasWrong = (await bring(parts, member, look, service)) || wasWrong;
    });
  return wasWrong || look.services.some(({ conduct }) => conduct !== 'serve');
}

async function bring(parts: TendParts, member: Member, look: Look, service: string): Promise<boolean> {
  const { copies, decided, nextTurn } = parts;
  const epoch = decided(service);
  const stand = look.services.find((each) => each.service === service);
  if (stand?.promised) {
    await settle(parts, member, look, service);
    return true;
  }
  const route = copies.at(service, epoch);
  if (!route) return false;
  const enters = (route.proxies ?? localRules).names.includes(member.name);
  if (enters ? (stand?.epoch ?? 0) >= epoch : (stand?.epoch ?? 0) === 0) return false;
  // The others go by it already: nobody is waited for.
  const turn = nextTurn(epoch);
  await member.prepare({ service, turn, route: enters ? route : null, decided: true }, prepareMs);
  // It serves by what follows; whoever else may decide begins after this.
  if (!(await parts.inOffice())) return true;
  parts.roll.commits(member.name);
  await member.commit(service, turn, orderMs);
  return true;
}
