import { CutoverError } from '../core/errors.ts';
import { HeaderName, type RouteSticky, routeStickyOf, Sticky } from '../core/sticky.ts';

const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });

/**
 * Reads `cookie`, `client` or `header:NAME`; all else as the spec has it by default.
 *
 * @throws CutoverError `usage`
 */
export function stickyOf(
  text: string | undefined,
  service: string,
  secure: boolean,
): RouteSticky | undefined {
  if (text === undefined) return undefined;
  const [by, header] = text.startsWith('header:') ? ['header', text.slice(7)] : [text];
  const sticky = Sticky.safeParse({ by, ...(header !== undefined && { header }) });
  if (sticky.success) return routeStickyOf(sticky.data, service, secure);
  throw usage(
    `--sticky: expected cookie, client or header:NAME, found ${text || 'nothing'}`,
    'say by what requests belong together, e.g. --sticky cookie',
  );
}

/** @throws CutoverError `usage` for what is no name of a header */
export function sideHeaderOf(text: string | undefined): string | undefined {
  if (text === undefined || HeaderName.safeParse(text).success) return text;
  throw usage(
    `--side-header: expected the name of a header, found ${text || 'nothing'}`,
    'name one, e.g. --side-header X-Environment',
  );
}
