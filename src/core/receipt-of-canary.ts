import type { Deployment, Weighed } from './deployment.ts';
import type { Receipt } from './receipt.ts';
import { failures, type Counters } from './traffic.ts';

type Counts = Weighed['counts'];
type Division = NonNullable<Receipt['canary']>[number];

const countsOf = ({ blue, green }: Counters): Counts => ({
  blue: { requests: blue.requests, failed: failures(blue), writes: blue.writes },
  green: { requests: green.requests, failed: failures(green), writes: green.writes },
});

/** How the traffic was divided: each weight, for how long, and what both sides got meanwhile. */
export function canaryReceipt(deployment: Deployment): Pick<Receipt, 'canary'> {
  const { weighed, switches, measured, startedAt, endedAt } = deployment;
  if (weighed.length === 0) return {};
  const end = endedAt ?? weighed.at(-1)?.at ?? startedAt;
  const [switched] = switches;
  const canary = weighed.map((each, index): Division => {
    const next = weighed[index + 1];
    // The last one ends with the switch, if it came to that.
    const atSwitch = switched && switched.at >= each.at ? measured.switch : undefined;
    const counters = atSwitch ?? measured.end;
    const then = next ?? (counters && { bootId: counters.bootId, counts: countsOf(counters) });
    const until = next?.at ?? (atSwitch ? (switched?.at ?? end) : end);
    const known = then?.bootId === each.bootId ? then.counts : null;
    const since = (count: 'requests' | 'failed') =>
      known && {
        blue: known.blue[count] - each.counts.blue[count],
        green: known.green[count] - each.counts.green[count],
      };
    const { to, weight, at } = each;
    return { to, weight, at, ms: until - at, requests: since('requests'), failed: since('failed') };
  });
  return { canary };
}

/** What was waited for, and what people said. */
export function gatesReceipt({ steps, interventions }: Deployment): Pick<Receipt, 'gates' | 'interventions'> {
  const gates = steps.flatMap(({ planned, status, says, startedAt, endedAt, error }, step) => {
    if (planned.kind !== 'gate') return [];
    const { gate, name, before, waitsFor } = planned;
    const said = interventions
      .filter((each) => each.step === step)
      .map(({ kind, by, at, reason }) => ({ kind, by, at, reason }));
    const waitedMs = startedAt === null || endedAt === null ? null : endedAt - startedAt;
    return { gate, name, before, waitsFor, status, says: says ?? error?.message ?? null, waitedMs, said };
  });
  const others = interventions
    .filter(({ kind }) => kind !== 'approve' && kind !== 'reject')
    .map(({ kind, by, at, force }) => ({ kind, by, at, force }));
  return {
    ...(gates.length > 0 && { gates }),
    ...(others.length > 0 && { interventions: others }),
  };
}
