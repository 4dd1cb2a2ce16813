import { resolve } from 'node:path';
import { type Address, parseAddress } from '../core/address.ts';
import { Assets, type RouteAssets } from '../core/assets.ts';
import { CutoverError } from '../core/errors.ts';
import { PreviewCookie, PreviewHeader, type RouteTesters, routeTestersOf } from '../core/testers.ts';
import { RouterSpec } from '../core/spec/router.ts';

/** How the side that is not live is looked at, as the command line says it. */
export interface PreviewWords {
  readonly preview?: string;
  readonly previewHost?: string;
  /** `NAME=FILE`. */
  readonly previewHeader?: string;
  /** A path, or that there is one. */
  readonly previewCookie?: string | true;
  /** Patterns of paths, with commas. */
  readonly assets?: string;
}
export const previewWordNames = [
  'preview',
  'previewHost',
  'previewHeader',
  'previewCookie',
  'assets',
] as const;

export interface PreviewOrder {
  readonly preview: Address | null;
  readonly previewHost: string | null;
  readonly testers: RouteTesters | undefined;
}

const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });

/**
 * Reads the patterns of paths that the side before may answer for.
 *
 * @throws CutoverError `usage`
 */
export function assetsOf({ assets }: PreviewWords): RouteAssets | undefined {
  if (assets === undefined) return undefined;
  const read = Assets.safeParse({ paths: assets.split(',').map((path) => path.trim()) });
  if (read.success) return read.data;
  throw usage(
    `--assets: ${read.error.issues[0]?.message}, found ${assets || 'nothing'}`,
    "name paths: --assets '/assets/*,/static/*'",
  );
}

/**
 * Reads the ways to the side that is not live. Nobody says which release is next to a proxy that runs by itself, so testers see that side
 * whatever is on it.
 *
 * @throws CutoverError `usage`
 */
export function previewOf(
  { preview, previewHost, previewHeader, previewCookie }: PreviewWords,
  service: string,
  secure: boolean,
  cwd: string,
): PreviewOrder {
  const address = preview === undefined ? null : parseAddress(preview);
  if (address === undefined)
    throw usage(`--preview: expected an address such as 127.0.0.1:8081, found ${preview}`, 'name one');
  const host = RouterSpec.shape.previewHost.safeParse(previewHost);
  if (!host.success)
    throw usage(`--preview-host: ${host.error.issues[0]?.message}, found ${previewHost}`, 'name a host');
  const [name = '', ...rest] = (previewHeader ?? '').split('=');
  const header = PreviewHeader.safeParse({ name, secret: { file: rest.join('=') } });
  if (previewHeader !== undefined && !header.success)
    throw usage(
      `--preview-header: expected the name of a header and the file of its secret, found ${previewHeader || 'nothing'}`,
      'say both: --preview-header X-Preview=/run/secrets/preview',
    );
  const cookie = PreviewCookie.safeParse(previewCookie === true ? {} : { path: previewCookie });
  if (previewCookie !== undefined && !cookie.success)
    throw usage(
      `--preview-cookie: ${cookie.error.issues[0]?.message}, found ${String(previewCookie)}`,
      'leave the path out, or name one: --preview-cookie /.cutover/preview',
    );
  const testers = routeTestersOf(
    {
      protocol: 'http',
      paths: [],
      previewHeader: previewHeader === undefined ? undefined : header.data,
      previewCookie: previewCookie === undefined ? undefined : cookie.data,
    },
    service,
    secure,
    (path) => resolve(cwd, path),
  );
  return {
    preview: address,
    previewHost: host.data ?? null,
    testers: testers && { ...testers, seeKept: true },
  };
}
