import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../clocks/system.ts';
import type { Address } from '../core/address.ts';
import { formatEnrollToken, parseEnrollToken } from '../platforms/host/enroll-token.ts';
import { createProcessPlatform, type ProcessPlatform } from '../platforms/process/platform.ts';
import type { Listening } from '../agent/listening.ts';
import { Authority } from '../agent/control/authority.ts';
import { listenForControllers } from '../agent/control/control-listener.ts';
import { Invitations } from '../agent/control/invitations.ts';
import { Orders } from '../agent/control/orders.ts';

/** An agent with its own home, and instances as processes of this machine. */
export class Host {
  private constructor(
    readonly home: string,
    readonly platform: ProcessPlatform,
    readonly authority: Authority,
    readonly invitations: Invitations,
    readonly listening: Listening,
  ) {}

  static async open(home: string, listen: Address = { host: '127.0.0.1', port: 0 }): Promise<Host> {
    mkdirSync(join(home, 'agent'), { recursive: true });
    const platform = createProcessPlatform({ home, clock: systemClock, host: '127.0.0.1' });
    await platform.adopt();
    const folder = join(home, 'agent');
    const authority = await Authority.open(folder);
    const invitations = new Invitations(folder);
    const orders = new Orders({
      home: realpathSync(home),
      platform,
      clock: systemClock,
      hello: { version: 'test', host: 'here' },
    });
    const parts = { authority, invitations, orders, now: () => Date.now(), say: () => undefined };
    return new Host(home, platform, authority, invitations, await listenForControllers({ listen, ...parts }));
  }

  token(
    secret = this.invitations.invite(Date.now() + 60_000, Date.now()),
  ): ReturnType<typeof parseEnrollToken> & {} {
    const token = parseEnrollToken(formatEnrollToken({ authority: this.authority.fingerprint, secret }));
    if (!token) throw new Error('the token cannot be read');
    return token;
  }

  async close(): Promise<void> {
    await this.listening.close();
    await this.platform.close();
  }
}
