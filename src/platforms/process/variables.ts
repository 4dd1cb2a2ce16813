import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { formatAddress, type Address } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import type { LayerRun, Run } from './record.ts';
import { diskError, isAbsent } from './disk.ts';

/** What an instance gets of our own environment. Everything else of it, tokens above all, stays with us. */
const inherited = ['PATH', 'HOME', 'USER', 'LANG', 'TZ', 'TMPDIR'] as const;
/** What a build command gets beyond that: how to reach the network, which a package manager needs. */
const forBuilds = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
] as const;

export type Variables = Readonly<Record<string, string>>;
const maxSecretBytes = 128 * 1024; // the kernel refuses a longer single string (MAX_ARG_STRLEN)

const pick = (
  names: readonly string[],
  from: Readonly<Record<string, string | undefined>>,
): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = from[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );

export const cleanEnvironment = (ours: Readonly<Record<string, string | undefined>>): Variables =>
  pick(inherited, ours);
export const buildEnvironment = (ours: Readonly<Record<string, string | undefined>>): Variables =>
  pick([...inherited, ...forBuilds], ours);

/** The layer's variables with the files of secrets read, each without its last line break. An absent file is `start-failed`. */
export async function readVariables(run: Run, layer: LayerRun): Promise<Variables> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(layer.variables)) {
    values[name] =
      typeof value === 'string' ? value : await readSecret(run, layer, name, resolve(run.base, value.file));
  }
  return values;
}

const readSecret = (run: Run, { layer }: LayerRun, name: string, path: string): Promise<string> =>
  readSecretFile(`Layer ${layer} of ${run.service}: expected the value of ${name}`, path, {
    layer,
    variable: name,
  });

/** A value from a file, without its last line break; `expected` begins the message if there is none. An absent file is `start-failed`. */
export async function readSecretFile(
  expected: string,
  path: string,
  detail: Readonly<Record<string, string>> = {},
): Promise<string> {
  const refuse = (found: string, cause?: unknown): CutoverError =>
    new CutoverError('start-failed', `${expected} in ${path}; found ${found}`, {
      next: 'Write the value into that file, readable to the user that runs Cutover, or change the spec.',
      detail: { ...detail, path },
      ...(cause === undefined ? {} : { cause }),
    });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    throw isAbsent(thrown) ? refuse('no such file', thrown) : diskError(thrown, 'reading', path);
  }
  if (text.includes('\0')) throw refuse('a zero byte, which no variable can hold');
  if (Buffer.byteLength(text) > maxSecretBytes) throw refuse(`more than ${maxSecretBytes} bytes`);
  return text.replace(/\r?\n$/, '');
}

/** What tells a program where it is. Nothing in a spec overrides it. */
export const ownVariables = (run: Run, layer: string, address: Address): Variables => ({
  HOST: address.host,
  PORT: String(address.port),
  CUTOVER_SERVICE: run.service,
  CUTOVER_ENVIRONMENT: run.colour,
  CUTOVER_RELEASE: String(run.release),
  CUTOVER_VERSION: run.version,
  CUTOVER_LAYER: layer,
});

/** What a check or a hook gets: as the first instance of the layer, and its address as host:port and as a URL. */
export const checkVariables = (run: Run, layer: string, address: Address): Variables => ({
  ...ownVariables(run, layer, address),
  CUTOVER_ADDRESS: formatAddress(address),
  CUTOVER_URL: `http://${formatAddress(address)}`,
});
