import type { Address } from '../core/address.ts';
import type { HealthEndpoints } from '../health/endpoints.ts';
import { agentWord, type Side } from '../health/role.ts';
import { type Listening, unlistenable } from './listening.ts';

/** What is said to whoever asks for one side. Never rejects: a role that cannot be read is `down`, not silence. */
async function wordFor(health: HealthEndpoints, side: Side): Promise<string> {
  try {
    const { condition } = await health.looks();
    const { role, weight } = health.role();
    return agentWord(role, condition, side, weight);
  } catch {
    return 'down#the role of the instance is not known\n';
  }
}

/**
 * Answers HAProxy's agent checks (`agent-check`, `agent-port`): each connection gets one line, and is closed. Nothing that a peer sends is read.
 *
 * @throws CutoverError `address-in-use` if it cannot listen there
 */
export function listenForAgentChecks(
  option: string,
  listen: Address,
  side: Side,
  health: HealthEndpoints,
): Listening {
  let server: Bun.TCPSocketListener<undefined>;
  try {
    server = Bun.listen({
      hostname: listen.host,
      port: listen.port,
      socket: {
        open: (socket) => {
          // A peer that takes nothing is not kept.
          socket.timeout(5);
          void wordFor(health, side).then((word) => socket.end(word));
        },
        data: () => undefined,
        timeout: (socket) => void socket.terminate(),
        error: (socket) => void socket.terminate(),
      },
    });
  } catch (cause) {
    throw unlistenable(option, listen, cause);
  }
  return {
    address: { host: listen.host, port: server.port },
    close: () => {
      server.stop(true);
      return Promise.resolve();
    },
  };
}
