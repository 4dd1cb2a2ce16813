import { z } from 'zod';
import { type PageType, pageTypes } from './page-text.ts';

const typeByExtension: Readonly<Record<string, PageType>> = {
  html: 'html',
  htm: 'html',
  txt: 'text',
  json: 'json',
  xml: 'xml',
};
export const pageExtensions = Object.keys(typeByExtension).map((extension) => `.${extension}`);

/** The type of the page in a file, by the extension of its name; null if it is none of `pageExtensions`. */
export const pageTypeOf = (path: string): PageType | null =>
  typeByExtension[/\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ''] ?? null;

/** The largest page, in bytes. */
export const mostPageBytes = 262_144;

/** A page that the proxy itself answers with: for an error, or while a service is closed. */
export const Page = z.strictObject({
  type: z.enum(Object.keys(pageTypes) as [PageType, ...PageType[]]),
  /** `{status}` and `{requestId}` in it stand for what they say; see `fillPage`. */
  text: z.string().max(mostPageBytes),
});
export type Page = z.infer<typeof Page>;

const keyError = { error: 'expected a status such as 503, or 4xx or 5xx' };
/** What a page is for: a status from 400, or a class of them. */
export const PageKey = z.string(keyError).regex(/^[45](?:\d\d|xx)$/, keyError);

const fileError = {
  error: `expected the path of a file that ends with ${pageExtensions.join(', ')}`,
};
/** A file as a spec names it, relative to the spec. */
export const PageFile = z
  .string(fileError)
  .max(4096, fileError)
  .regex(/^[^\0]*\.(?:html?|txt|json|xml)$/, fileError);

/** What a user writes under `router.errorPages`: files by status, relative to the spec. */
export const ErrorPages = z.record(PageKey, PageFile);
export type ErrorPages = z.infer<typeof ErrorPages>;

/** The same on the wire to a router: absolute paths. Whoever serves reads the files when the route is put in force. */
export const RoutePages = z.record(PageKey, z.string().min(1).max(8192));
export type RoutePages = z.infer<typeof RoutePages>;

/** The same files for the same statuses, in any order. */
export function samePages(a: RoutePages | undefined, b: RoutePages | undefined): boolean {
  const text = (pages: RoutePages | undefined): string =>
    pages === undefined ? '' : JSON.stringify(Object.entries(pages).sort(([x], [y]) => (x < y ? -1 : 1)));
  return text(a) === text(b);
}
