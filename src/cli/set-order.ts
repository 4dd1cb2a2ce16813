import { loadSet } from '../config/load-set.ts';
import { CutoverError } from '../core/errors.ts';
import type { SetDeployRequest } from '../server/api.ts';
import type { ReleaseOptions } from './release-order.ts';
import { sourceOf, versionOf } from './source.ts';
import { whoAmI } from './who.ts';

/** What is ordered of a set. */
export interface SetOrder {
  readonly set: string;
  readonly request: SetDeployRequest;
}

/**
 * The order for new releases of all services of a set: each from its own spec. Throws what is wrong with any of them before anything is asked of the
 * controller.
 */
export async function setOrder(
  file: string,
  source: string | undefined,
  { version, release, sha256, repository, by }: ReleaseOptions,
): Promise<SetOrder> {
  const excess =
    source !== undefined
      ? `SOURCE ${source}`
      : release !== undefined
        ? '--release'
        : sha256 !== undefined
          ? '--sha256'
          : repository !== undefined
            ? '--repository'
            : null;
  if (excess !== null)
    throw new CutoverError(
      'usage',
      `--set ${file}: expected that each spec says what is shipped (release.from), found ${excess}`,
      { next: `leave ${excess} out` },
    );
  const { set, specs } = await loadSet(file);
  const now = new Date();
  const services = await Promise.all(
    specs.map(async ({ spec, input, base }) => {
      const found = await sourceOf({ text: spec.release.from, base, repository, sha256 });
      const name = version ?? (await versionOf(found, now));
      return { service: spec.service, order: { spec: input, base, source: found, version: name } };
    }),
  );
  return { set, request: { by: by ?? whoAmI(), services } };
}
