import { loadSpec } from '../config/load.ts';
import { CutoverError } from '../core/errors.ts';
import type { DeployRequest } from '../server/api.ts';
import type { Client } from './client.ts';
import { neededSpec, type Invocation } from './invocation.ts';
import { serviceName } from './service-name.ts';
import { sourceOf, versionOf } from './source.ts';
import { whoAmI } from './who.ts';

/** What `plan` and `deploy` are told about the release. */
export interface ReleaseOptions {
  readonly version?: string;
  readonly release?: number;
  readonly sha256?: string;
  readonly repository?: string;
  readonly by?: string;
  /** The file of a set: releases of all of its services. */
  readonly set?: string;
}

export interface ReleaseOrder {
  readonly service: string;
  readonly request: DeployRequest;
}

/**
 * The order for a release, from the spec and the command line: a new one, or with `--release` one that exists. Throws what is wrong with spec,
 * source or options before anything is asked of the controller.
 */
export async function releaseOrder(
  invocation: Invocation,
  client: Client,
  source: string | undefined,
  options: ReleaseOptions,
): Promise<ReleaseOrder> {
  const by = options.by ?? whoAmI();
  if (options.release !== undefined) {
    const excess = [
      source === undefined ? null : `SOURCE ${source}`,
      ...(['version', 'sha256', 'repository'] as const).map((name) =>
        options[name] === undefined ? null : `--${name}`,
      ),
    ].find((each) => each !== null);
    if (excess !== undefined && excess !== null) {
      throw new CutoverError(
        'usage',
        `--release ${options.release}: expected it alone, since that release is made already, found ${excess} too`,
      );
    }
    return {
      service: await serviceName(invocation, client, undefined),
      request: { by, release: options.release },
    };
  }
  const { input, spec, base } = await loadSpec(neededSpec(invocation));
  // What is typed is meant from here; what is written in the spec, from beside it.
  const found = await sourceOf({
    text: source ?? spec.release.from,
    base: source === undefined || source.startsWith('git:') ? base : invocation.cwd,
    repository: options.repository,
    sha256: options.sha256,
  });
  const version = options.version ?? (await versionOf(found, new Date()));
  return { service: spec.service, request: { by, order: { spec: input, base, source: found, version } } };
}
