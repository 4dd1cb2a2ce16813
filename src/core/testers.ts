import { z } from 'zod';
import { HeaderName } from './sticky.ts';
import { longestPassS } from './tester-pass.ts';

/** Of the cookie, unless the spec says otherwise; behind the prefix that the service has, if it has one. */
export const usualDoor = '/.cutover/preview';

const doorError = {
  error: 'expected a path such as /.cutover/preview, of letters, digits, dots, dashes, _ and ~',
};
/** Narrow on purpose: whatever reads it, it means the same. */
const DoorPath = z
  .string(doorError)
  .max(256, doorError)
  .regex(/^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/, doorError);

/** What a user writes under `router.previewHeader`. */
export const PreviewHeader = z.strictObject({
  name: HeaderName.describe('The name of the header, such as X-Preview.'),
  secret: z
    .strictObject({
      file: z.string().min(1).describe('A file, relative to the spec, of 16 to 1024 characters.'),
    })
    .describe('The value that opens it.'),
});
export type PreviewHeader = z.infer<typeof PreviewHeader>;

/** What a user writes under `router.previewCookie`. */
export const PreviewCookie = z.strictObject({
  path: DoorPath.optional().describe(
    'Where the links of `cutover preview --cookie` lead. Requests for it are the proxy’s. Default: /.cutover/preview, behind the first of `paths`.',
  ),
});
export type PreviewCookie = z.infer<typeof PreviewCookie>;

/** How testers get past the users of a service, on the wire to a router. */
export const RouteTesters = z.object({
  header: z.object({ name: HeaderName, secretFile: z.string() }).nullable(),
  cookie: z
    .object({
      name: HeaderName,
      /** What the proxy itself answers there. */
      door: DoorPath,
      /** Where a tester comes out behind it. */
      home: z
        .string()
        .max(1024)
        .regex(/^\/[A-Za-z0-9._~/-]*$/),
      secure: z.boolean(),
    })
    .nullable(),
  /** Whether those that name no release are also shown a side that is only kept for the way back. */
  seeKept: z.boolean(),
});
export type RouteTesters = z.infer<typeof RouteTesters>;

/** As much of a router’s part of a spec as this depends on. */
interface Doors {
  readonly protocol: 'http' | 'tcp';
  readonly paths: readonly { readonly prefix: string }[];
  readonly previewHeader?: PreviewHeader | undefined;
  readonly previewCookie?: PreviewCookie | undefined;
}

const prefixes = ({ paths }: Pick<Doors, 'paths'>): readonly string[] =>
  paths.length === 0 ? ['/'] : paths.map(({ prefix }) => prefix);
const beneath = (prefix: string): string => (prefix === '/' ? '' : prefix);

/** What a router should do of it for this service; undefined: nothing. `absolute`: where a file of the spec is. */
export function routeTestersOf(
  router: Doors,
  service: string,
  secure: boolean,
  absolute: (path: string) => string,
): RouteTesters | undefined {
  const { previewHeader, previewCookie } = router;
  if (previewHeader === undefined && previewCookie === undefined) return undefined;
  const [first = '/'] = prefixes(router);
  return {
    header:
      previewHeader === undefined
        ? null
        : { name: previewHeader.name, secretFile: absolute(previewHeader.secret.file) },
    cookie:
      previewCookie === undefined
        ? null
        : {
            name: `cutover-preview-${service}`,
            door: previewCookie.path ?? `${beneath(first)}${usualDoor}`,
            home: `${beneath(first)}/`,
            secure,
          },
    seeKept: false,
  };
}

/** The same by value. */
export const sameTesters = (a: RouteTesters | undefined, b: RouteTesters | undefined): boolean =>
  JSON.stringify(a && RouteTesters.parse(a)) === JSON.stringify(b && RouteTesters.parse(b));

/** What of a router has to fit together. */
export function testerRules(router: Doors, context: z.core.$RefinementCtx): void {
  const { protocol, previewHeader, previewCookie } = router;
  const issue = (path: readonly string[], input: unknown, message: string): void => {
    context.issues.push({ code: 'custom', path: [...path], input, message });
  };
  if (protocol === 'tcp' && previewHeader !== undefined)
    issue(
      ['previewHeader'],
      previewHeader,
      'expected no previewHeader with protocol tcp: no request is read',
    );
  if (protocol === 'tcp' && previewCookie !== undefined)
    issue(
      ['previewCookie'],
      previewCookie,
      'expected no previewCookie with protocol tcp: no request is read',
    );
  const door = previewCookie?.path;
  // One that is no path has been told of.
  if (
    door?.startsWith('/') === true &&
    !prefixes(router).some((prefix) => door.startsWith(`${beneath(prefix)}/`))
  )
    issue(
      ['previewCookie', 'path'],
      door,
      'expected a path under one of router.paths, or requests for it are not this service’s',
    );
}

/** An order for a token. */
export const PassOrder = z.strictObject({
  forS: z.int().min(1).max(longestPassS),
  release: z.int().min(1).nullable(),
});
export type PassOrder = z.infer<typeof PassOrder>;

/** A token that was made. */
export const Pass = z.object({
  token: z.string(),
  expiresS: z.number(),
  release: z.int().nullable(),
  door: DoorPath,
  cookie: z.string(),
});
export type Pass = z.infer<typeof Pass>;
