import { readFileSync } from 'node:fs';
import { CutoverError } from '../core/errors.ts';
import type { Client } from './client.ts';
import { noteOtherVersion } from './connect.ts';
import type { Invocation } from './invocation.ts';

/**
 * The service that is meant: the one that is named, else that of the spec in the folder, else the only one that the controller has.
 * The way back must not depend on a spec that is right, so of a spec nothing but the name is read here. Throws `usage` if it is not clear,
 * `service-unknown` if there is none.
 */
export async function serviceName(
  invocation: Invocation,
  client: Client,
  named: string | undefined,
): Promise<string> {
  if (named !== undefined) return named;
  const status = await client.status();
  noteOtherVersion(invocation, status);
  const known = status.services.map(({ name }) => name);
  const ofSpec = await nameInSpec(invocation.specFile);
  if (ofSpec !== undefined) return ofSpec;
  const [only, ...more] = known;
  if (only === undefined) {
    throw new CutoverError(
      'service-unknown',
      'expected a service that was deployed before, found none at all',
      {
        next: 'cutover deploy makes the first one',
      },
    );
  }
  if (more.length > 0) {
    throw new CutoverError(
      'usage',
      `expected the name of a service, found none, and there are several: ${known.join(', ')}`,
      {
        next: 'name the one that is meant',
      },
    );
  }
  return only;
}

/** The name in a spec, if it can be read; a spec that is a program or is wrong says nothing here. */
async function nameInSpec(path: string | undefined): Promise<string | undefined> {
  if (path === undefined || !/\.ya?ml$/.test(path)) return undefined;
  const { parseDocument } = await import('yaml');
  try {
    const name = parseDocument(readFileSync(path, 'utf8')).get('service');
    return typeof name === 'string' ? name : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
