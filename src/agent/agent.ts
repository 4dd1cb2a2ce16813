import { statSync } from 'node:fs';
import type { Address } from '../core/address.ts';
import { CutoverError, errorRecord } from '../core/errors.ts';
import { HealthEndpoints, type Traffic } from '../health/endpoints.ts';
import type { Role } from '../health/role.ts';
import type { Checker } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import { listenForAgentChecks } from './agent-check-listener.ts';
import { listenForBalancers, listenLocally } from './endpoints-listener.ts';
import { InstanceWatch, type WatchOptions } from './instance-watch.ts';

export interface AgentOptions {
  /** Where balancers ask; absent: nowhere. */
  readonly listen: Address | undefined;
  /** A unix socket for programs of the same user. */
  readonly socket: string;
  /** Where the role is kept. */
  readonly state: string;
  readonly initial: Role;
  readonly tokenFile: string | undefined;
  /** For HAProxy's agent checks, one for each side that is asked for. */
  readonly agentCheck: Address | undefined;
  readonly agentCheckStandby: Address | undefined;
  /** Absent: none is watched, and the host is there for nobody. */
  readonly instance: WatchOptions | undefined;
  /** What goes through to the instance; absent: it is not counted here. */
  readonly traffic?: (() => Promise<Traffic>) | undefined;
  readonly say: (text: string) => void;
}

export interface Agent {
  readonly address: Address | null;
  readonly agentCheck: Address | null;
  readonly agentCheckStandby: Address | null;
  readonly health: HealthEndpoints;
  close(): Promise<void>;
}

/**
 * Watches one instance and answers balancers for it. It knows the role from disk before it answers the first question.
 *
 * @throws CutoverError `state-damaged` for a file of the role that is none, `request-invalid` for a token that others can read, `agent-running`,
 * `address-in-use`
 */
export async function startAgent(options: AgentOptions, checker: Checker, clock: Clock): Promise<Agent> {
  const { listen, socket, state, initial, tokenFile, agentCheck, agentCheckStandby, traffic, say } = options;
  if (tokenFile !== undefined) expectPrivate(tokenFile);
  let watch: InstanceWatch | undefined;
  const health = endpointsOf({
    file: state,
    initial,
    ...(tokenFile === undefined ? {} : { token: { file: tokenFile } }),
    ...(traffic ? { traffic } : {}),
    healthy: () =>
      watch?.observed ?? {
        condition: 'starting',
        detail: options.instance ? 'not checked yet' : 'no instance is watched',
      },
  });
  const open: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const each of open.reverse()) await each.close();
  };
  try {
    open.push(await listenLocally(socket, health));
    if (options.instance) {
      watch = new InstanceWatch(checker, clock, options.instance, ({ condition, detail }) =>
        say(`the instance is ${condition}: ${detail}`),
      );
      open.push(watch);
    }
    const live = agentCheck && listenForAgentChecks('--agent-check', agentCheck, 'live', health);
    if (live) open.push(live);
    const standby =
      agentCheckStandby &&
      listenForAgentChecks('--agent-check-standby', agentCheckStandby, 'standby', health);
    if (standby) open.push(standby);
    const main = listen && listenForBalancers(listen, health);
    if (main) open.push(main);
    return {
      address: main?.address ?? null,
      agentCheck: live?.address ?? null,
      agentCheckStandby: standby?.address ?? null,
      health,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function endpointsOf(options: ConstructorParameters<typeof HealthEndpoints>[0]): HealthEndpoints {
  try {
    return new HealthEndpoints(options);
  } catch (cause) {
    throw new CutoverError('state-damaged', `the agent cannot begin: ${errorRecord(cause).message}`, {
      next: 'mend what is named; without the file of the role the agent begins in the role that --initial says',
      cause,
    });
  }
}

/** A token that every user of the machine can read protects nothing. */
function expectPrivate(file: string): void {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode;
  if (mode === undefined)
    throw new CutoverError('usage', `--token-file: expected a file with a token, found none at ${file}`, {
      next: `make one: (umask 077; openssl rand -hex 32 > ${file})`,
    });
  if ((mode & 0o007) !== 0)
    throw new CutoverError(
      'usage',
      `--token-file: expected a file that only its owner and group can read, found mode ${(mode & 0o777).toString(8)} at ${file}`,
      { next: `chmod 600 ${file}, and make a new token: this one may have been read` },
    );
}
