import { Spec, type SpecInput } from '../core/spec.ts';
import type { Release, Source } from '../core/release.ts';

type LayerInput = SpecInput['environments']['layers'][string];

/** A release of the service `shop` for a test, with these layers. */
export function testRelease(
  number: number,
  source: Source,
  layers: Record<string, LayerInput>,
  more: Omit<Partial<SpecInput>, 'environments'> & { environments?: Partial<SpecInput['environments']> } = {},
): Release {
  const spec = Spec.parse({
    service: 'shop',
    router: {
      listen: '127.0.0.1:0',
      ...(Object.hasOwn(layers, 'web') ? {} : { layer: Object.keys(layers)[0] }),
    },
    ...more,
    environments: { ...more.environments, layers },
  } satisfies SpecInput);
  const base = source.kind === 'git' ? source.repository : source.path;
  return { number, version: `v${number}`, source, base, spec, createdAt: 0, by: 'a test', digest: null };
}

/** The layers that the contract suite asks for, run by this command. */
export const suiteLayers = (command: string[]): Record<string, LayerInput> => {
  const layer = { command, restart: { backoff: '10ms', max: '1s' }, stop: { grace: '2s' } };
  return { web: { ...layer, instances: 2 }, worker: layer };
};

/** The variables that the contract suite asks for. */
export const suiteEnvironments = {
  blue: { variables: { COLOUR_IS: 'blue' } },
  green: { variables: { COLOUR_IS: 'green' } },
};
