import { resolve } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import { addressesOf, type Placement } from '../../core/placement.ts';
import type { Release } from '../../core/release.ts';
import { routedLayer } from '../../core/spec.ts';
import type { EnvironmentRef, InstanceCounts, Platform, Shipped } from '../../ports/platform.ts';
import { planRun } from '../process/run.ts';
import { checkVariables, readSecretFile, readVariables } from '../process/variables.ts';
import type { HostClient } from './host-client.ts';
import { packRelease } from './pack.ts';
import {
  Addresses,
  InstanceStatuses,
  LogsAnswer,
  Nothing,
  Numbers,
  ShipAnswer,
  ShippedThere,
} from './protocol.ts';
import { Placement as PlacementSchema } from '../../core/placement.ts';
import { secretFiles, secretId, wireRelease } from './wire-release.ts';

/** A question that only looks. */
const lookMs = 30_000;

/** A release of which hosts that are gone have taken a part with them: with as many instances as are placed. */
function asPlaced(release: Release, placement: Placement): Release {
  const { environments } = release.spec;
  const layers = Object.entries(environments.layers).map(
    ([name, layer]) => [name, { ...layer, instances: addressesOf(placement, name).length }] as const,
  );
  return {
    ...release,
    spec: { ...release.spec, environments: { ...environments, layers: Object.fromEntries(layers) } },
  };
}

/** Where releases are made: fetched, built and sealed, once for all hosts. */
export interface Workshop extends Pick<Platform, 'ship' | 'prune'> {
  /** What was made under this number; null if nothing was. */
  find(service: string, release: number): Promise<Shipped | null>;
}

/**
 * One host, with an agent or what obeys there in its place. A release is made in the workshop, on the controller's machine, and its content is sent as it is: what runs is the same,
 * byte by byte, wherever it runs. Secrets are read here when instances are started, and are kept there in files that only the agent's user can read.
 */
export class AgentPlatform implements Platform {
  readonly capabilities = { addressPerColour: false, restarts: true };

  constructor(
    private readonly agent: HostClient,
    private readonly workshop: Workshop,
    /** How many instances of a layer are on this host. Default: all. */
    private readonly share?: (release: Release, layer: string) => number,
  ) {}

  place(environment: EnvironmentRef, release: Release, previous: Placement | null): Promise<Placement> {
    const order = { environment, release: this.#wire(release), previous };
    return this.agent.call('place', order, PlacementSchema, { timeoutMs: lookMs });
  }

  async ship(service: string, release: Release, signal?: AbortSignal): Promise<Shipped> {
    const made = await this.workshop.ship(service, release, signal);
    await this.send(service, release, made, signal);
    return made;
  }

  /** Brings what the workshop made to the host, and makes sure that it is the same there. */
  async send(service: string, release: Release, made: Shipped, signal?: AbortSignal): Promise<void> {
    const order = { service, release: this.#wire(release), digest: made.digest };
    const answer = await this.agent.call('ship', order, ShipAnswer, { signal, timeoutMs: lookMs });
    const there =
      'shipped' in answer
        ? answer.shipped
        : await this.agent.send(`content/${answer.content}`, packRelease(made.directory), ShippedThere, {
            signal,
          });
    if (there.digest !== made.digest)
      throw new CutoverError(
        'checksum-mismatch',
        `${this.agent.host}: expected release ${release.number} of ${service} to have the digest ${made.digest}; found ${there.digest}`,
        {
          next: 'the host has another release of that number, perhaps of another controller: give its agent a home of its own',
          detail: { host: this.agent.host },
        },
      );
  }

  async start(
    environment: EnvironmentRef,
    release: Release,
    placement: Placement,
    only?: InstanceCounts,
  ): Promise<void> {
    const files = secretFiles(release.spec, environment.colour);
    const secrets: Record<string, string> = {};
    for (const file of files)
      secrets[secretId(file)] = await readSecretFile(
        `${environment.service}: expected the value of a variable`,
        resolve(release.base, file),
      );
    await this.agent.call(
      'start',
      { environment, release: this.#wire(release), placement, secrets, ...(only && { only }) },
      Nothing,
    );
  }

  async stop(environment: EnvironmentRef): Promise<void> {
    await this.agent.call('stop', { environment }, Nothing);
  }

  inspect(environment: EnvironmentRef): ReturnType<Platform['inspect']> {
    return this.agent.call('inspect', { environment }, InstanceStatuses, { timeoutMs: lookMs });
  }

  listening(environment: EnvironmentRef, layer: string, index: number): ReturnType<Platform['listening']> {
    return this.agent.call('listening', { environment, layer, index }, Addresses, { timeoutMs: lookMs });
  }

  async logs(
    environment: EnvironmentRef,
    query: Parameters<Platform['logs']>[1],
  ): ReturnType<Platform['logs']> {
    const logs = await this.agent.call('logs', { environment, query }, LogsAnswer, { timeoutMs: lookMs });
    const lines = logs.lines.map(({ layer, index, text, unfinished }) => ({
      ...{ layer, index, text },
      ...(unfinished ? { unfinished } : {}),
    }));
    return { ...logs, lines };
  }

  async prune(service: string, keep: readonly number[]): Promise<readonly number[]> {
    const removed = await this.pruneThere(service, keep);
    await this.workshop.prune(service, keep);
    return removed;
  }

  /** On the host alone. */
  pruneThere(service: string, keep: readonly number[]): Promise<readonly number[]> {
    return this.agent.call('prune', { service, keep }, Numbers);
  }

  variables(
    environment: EnvironmentRef,
    release: Release,
    placement: Placement,
  ): Promise<Readonly<Record<string, string>>> {
    return AgentPlatform.variables(environment, release, placement);
  }

  /** Files of secrets are the controller's; so is the folder of a check. */
  static async variables(
    environment: EnvironmentRef,
    release: Release,
    placement: Placement,
  ): Promise<Readonly<Record<string, string>>> {
    const run = planRun(environment, asPlaced(release, placement), placement);
    const name = routedLayer(release.spec);
    const layer = run.layers.find((candidate) => candidate.layer === name);
    const [address] = addressesOf(placement, name);
    if (!layer || !address)
      throw new CutoverError('internal', `Layer ${name}: expected an address; found none`);
    return { ...(await readVariables(run, layer)), ...checkVariables(run, name, address) };
  }

  /** The agent does so by itself. */
  adopt(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #wire(release: Release): ReturnType<typeof wireRelease> {
    const layers = release.spec.environments.layers;
    return wireRelease(release, (layer) => this.share?.(release, layer) ?? layers[layer]?.instances ?? 0);
  }
}
