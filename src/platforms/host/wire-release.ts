import { createHash } from 'node:crypto';
import { formatAddress } from '../../core/address.ts';
import type { Release } from '../../core/release.ts';
import type { Spec, SpecInput } from '../../core/spec.ts';
import type { WireRelease } from './protocol.ts';

type Values = Spec['environments']['variables'];

/** By which name the value of a file is known to a host: where the controller has it says nothing there. */
export const secretId = (file: string): string =>
  createHash('sha256').update(file).digest('hex').slice(0, 32);

const hidden = (variables: Values): Values =>
  Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : { file: secretId(value.file) },
    ]),
  );
const ms = (time: number): string => `${time}ms`;

/** The files of secrets that the instances of an environment get. */
export function secretFiles({ environments }: Spec, colour: 'blue' | 'green'): string[] {
  const all = [
    environments.variables,
    environments[colour].variables,
    ...Object.values(environments.layers).map(({ variables }) => variables),
  ];
  const files = all.flatMap((variables) =>
    Object.values(variables).flatMap((value) => (typeof value === 'string' ? [] : [value.file])),
  );
  return [...new Set(files)];
}

/**
 * A release as a host has to know it: what runs, with what, and nothing of the router, the checks or the build, which are the controller's.
 * `instances`: how many of each layer run there; a layer of which none does is left out.
 */
export function wireRelease(release: Release, instances: (layer: string) => number): WireRelease {
  const { number, version, spec } = release;
  const { environments, router } = spec;
  const layers = Object.entries(environments.layers).flatMap(([name, layer]) => {
    const count = instances(name);
    if (count === 0) return [];
    const { command, port, variables, stop, restart, logs } = layer;
    const written: SpecInput['environments']['layers'][string] = {
      command,
      port,
      logs,
      instances: count,
      variables: hidden(variables),
      stop: { signal: stop.signal, grace: ms(stop.grace) },
      restart: { backoff: ms(restart.backoff), max: ms(restart.max) },
    };
    return [[name, written] as const];
  });
  const [first] = layers;
  const input: SpecInput = {
    service: spec.service,
    router: { listen: formatAddress(router.listen), layer: first?.[0] },
    platform: { addresses: 'port' },
    environments: {
      variables: hidden(environments.variables),
      layers: Object.fromEntries(layers),
      blue: { variables: hidden(environments.blue.variables) },
      green: { variables: hidden(environments.green.variables) },
    },
  };
  return { number, version, spec: input };
}
