import { isDeepStrictEqual } from 'node:util';
import { CutoverError } from '../../core/errors.ts';
import { addressesOf, type Placement } from '../../core/placement.ts';
import type { Release } from '../../core/release.ts';
import { routedLayer } from '../../core/spec.ts';
import type { EnvironmentRef } from '../../ports/platform.ts';
import type { Run } from './record.ts';

/**
 * What an environment is to run, from a release and where its instances are to be. A variable of the colour goes before
 * one of the layer, and that before one of all layers. A placement that lacks an instance is a defect of the caller.
 */
export function planRun({ service, colour }: EnvironmentRef, release: Release, placement: Placement): Run {
  const { environments, router } = release.spec;
  const layers = Object.entries(environments.layers).map(([layer, spec]) => {
    const addresses = addressesOf(placement, layer);
    if (addresses.length < spec.instances) {
      throw new CutoverError(
        'internal',
        `Layer ${layer} of ${service}: expected ${spec.instances} addresses; found ${addresses.length}`,
      );
    }
    return {
      layer,
      command: spec.command,
      variables: { ...environments.variables, ...spec.variables, ...environments[colour].variables },
      stop: spec.stop,
      restart: spec.restart,
      logs: spec.logs,
      ...(spec.active && { active: spec.active }),
      ...(router.driver === 'socket' && layer === routedLayer(release.spec) && { held: router.listen }),
      instances: addresses.slice(0, spec.instances).map((address, index) => ({ index, address })),
    };
  });
  return { service, colour, release: release.number, version: release.version, base: release.base, layers };
}

export const isSameRun = (a: Run, b: Run): boolean => isDeepStrictEqual(a, b);
