import { mkdirSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Authority } from '../../agent/control/authority.ts';
import { listenForControllers } from '../../agent/control/control-listener.ts';
import { Invitations } from '../../agent/control/invitations.ts';
import type { Listening } from '../../agent/listening.ts';
import { systemClock } from '../../clocks/system.ts';
import type { Address } from '../../core/address.ts';
import { proxyKind } from '../../platforms/host/peer-kind.ts';
import type { Keeper } from '../../proxy/keeper/keeper.ts';
import { proxyControlFolder } from '../proxy-control-folder.ts';
import { version } from '../version.ts';

/** Has a controller lead this proxy over the network, as one of several. */
export async function takeProxyOrders(home: string, listen: Address, keeper: Keeper): Promise<Listening> {
  const folder = join(home, proxyControlFolder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const at = realpathSync(folder);
  return listenForControllers({
    listen,
    authority: await Authority.open(at),
    invitations: new Invitations(at),
    kind: proxyKind,
    orders: {
      obey: (name, order) =>
        name === 'hello'
          ? Promise.resolve({ protocol: 1, version, host: hostname() })
          : keeper.joint.obey(name, order),
    },
    now: () => systemClock.now(),
    say: (text) => process.stderr.write(`proxy: ${text}\n`),
  });
}
