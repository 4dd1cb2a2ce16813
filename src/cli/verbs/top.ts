import { CutoverError, errorRecord } from '../../core/errors.ts';
import { ratesBetween } from '../../core/rates.ts';
import { Counters, Route } from '../../core/traffic.ts';
import { percentOf } from '../../core/weights.ts';
import { ProxyTable } from '../../proxy/table/table.ts';
import { askProxy } from '../../routers/embedded/admin-client.ts';
import type { CountersView } from '../../server/api.ts';
import { connect } from '../connect.ts';
import { interruptible, pause } from '../interrupt.ts';
import type { Invocation } from '../invocation.ts';
import { errorLines } from '../render/error.ts';
import { topLines, topRows, type TopReading } from '../render/top.ts';
import { serviceName } from '../service-name.ts';
import { Screen } from '../terminal/screen.ts';

export interface TopOptions {
  readonly count?: number;
  /** The admin socket of a proxy, which is asked instead of the controller. */
  readonly admin?: string;
}

const everyMs = 1000;
const proxyTimeoutMs = 2000;

/** What one service counts now. */
type Look = () => Promise<CountersView>;

/** Live rates of blue and green side by side, and which part of the traffic each gets while both get some, once a second, until Ctrl-C or `count` readings. */
export async function top(
  invocation: Invocation,
  service: string | undefined,
  { count = Infinity, admin }: TopOptions,
): Promise<number> {
  const { output, paint, json } = invocation;
  const look =
    admin === undefined ? await throughController(invocation, service) : await atProxy(admin, service);
  const screen = json || !output.terminal ? null : new Screen(output.terminal);
  const show = (reading: TopReading): void => {
    if (json) output.line(JSON.stringify(reading));
    else if (screen) screen.draw([...topLines(reading, paint), '', paint.dim('Ctrl-C ends')]);
    else for (const row of topRows(reading)) output.line(row);
  };
  // The first look fails as any verb does: before the screen is taken.
  let before = await look();
  await interruptible(async (signal) => {
    try {
      for (let shown = 0; shown < count;) {
        await pause(everyMs, signal);
        let now: CountersView;
        try {
          now = await look();
        } catch (error) {
          if (!screen) throw error;
          // Shown; the next look may find it well again.
          screen.draw(errorLines(errorRecord(error), paint));
          continue;
        }
        const rates = ratesBetween(before.counters, now.counters);
        before = now;
        // Nothing to compare with when the router has just been restarted.
        if (rates === null) continue;
        const { service, live, weights = null, paused = null } = now;
        show({ service, live, weights, paused, rates });
        shown++;
      }
    } finally {
      screen?.leave();
    }
  });
  return 0;
}

async function throughController(invocation: Invocation, named: string | undefined): Promise<Look> {
  const client = connect(invocation);
  const name = await serviceName(invocation, client, named);
  return () => client.counters(name);
}

/** Straight from a proxy, so that it works for one that runs alone and while the controller is away. */
async function atProxy(socket: string, named: string | undefined): Promise<Look> {
  const ask = (path: string) => ({ method: 'GET', path, timeoutMs: proxyTimeoutMs }) as const;
  const { routes } = await askProxy(socket, ask('/v1/table'), ProxyTable);
  const known = routes.map((route) => route.service);
  const service = named ?? (known.length === 1 ? known[0] : undefined);
  if (service === undefined) {
    throw new CutoverError(
      known.length === 0 ? 'service-unknown' : 'usage',
      `expected the name of a service of the proxy at ${socket}, found none; it has ${known.length === 0 ? 'no service' : known.join(', ')}`,
      { next: 'cutover top SERVICE --admin SOCK' },
    );
  }
  const path = `/v1/services/${encodeURIComponent(service)}`;
  return async () => {
    const [route, counters] = await Promise.all([
      askProxy(socket, ask(path), Route),
      askProxy(socket, ask(`${path}/counters`), Counters),
    ]);
    const weights = route.weights ? percentOf(route.weights) : null;
    return { service, live: route.live, weights, counters };
  };
}
