import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CutoverError } from '../core/errors.ts';
import { NetworkText } from '../core/network-text.ts';
import { parseScrapeAddress } from './scrape-endpoint.ts';
import { readYaml } from './yaml-text.ts';

/** The file in a home directory. */
export const settingsName = 'settings.yaml';

const addressError = { error: 'expected an address such as 127.0.0.1:9180, or a port' };
const address = z
  .union([z.string(), z.int()], addressError)
  .transform(String)
  .refine((text) => parseScrapeAddress(text) !== undefined, addressError);

const allowError = {
  error: 'expected a host such as hooks.example or *.example, or a network such as 10.0.0.0/8',
};
const hostName = /^(?:\*\.)?[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*$/i;
const isDestination = (text: string): boolean =>
  NetworkText.safeParse(text).success || (hostName.test(text) && !/^[\d.]+$/.test(text));

/** What holds for a home directory as a whole, whoever starts its programs. What the command line says goes before it. */
export const HomeSettings = z.strictObject({
  /** Where the proxy serves its metrics over TCP. */
  metrics: address.optional(),
  /** Where the controller does. */
  controllerMetrics: address.optional(),
  /** Which hosts webhooks of specs may go to. Default: any but link-local addresses and those of a cloud's metadata. */
  webhooks: z
    .strictObject({ allow: z.array(z.string(allowError).refine(isDestination, allowError)).max(1000) })
    .optional(),
});
export type HomeSettings = z.infer<typeof HomeSettings>;

/**
 * The settings of a home directory; none if it has no such file.
 *
 * @throws CutoverError `spec-invalid` if the file is wrong, `io-failed` if it cannot be read
 */
export function readHomeSettings(home: string): HomeSettings {
  const path = join(home, settingsName);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return {};
    throw new CutoverError(
      'io-failed',
      `${path}: expected a file that can be read, found: ${String(cause)}`,
      {
        next: 'give the user of the proxy the right to read it, or remove it',
        cause,
      },
    );
  }
  const refused = (what: string): CutoverError =>
    new CutoverError('spec-invalid', `${path}: ${what}`, {
      next: 'correct it; docs/metrics.md has an example',
    });
  // Nothing but comments says nothing.
  if (/^(?:\s*(?:#.*)?(?:\n|$))*$/.test(text)) return {};
  const yaml = readYaml(text);
  if (!('value' in yaml)) throw refused(yaml.map(({ text }) => text).join('; '));
  const parsed = HomeSettings.safeParse(yaml.value);
  if (!parsed.success)
    throw refused(
      parsed.error.issues.map(({ path, message }) => [...path.map(String), message].join(': ')).join('; '),
    );
  return parsed.data;
}
