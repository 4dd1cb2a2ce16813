import { z } from 'zod';

const patternError = {
  error:
    "expected a path such as /assets/*, where * is any run of characters, of letters, digits and -._~!$&'()+,=:@%/",
};

/** What a user writes under `router.assets`. */
export const Assets = z.strictObject({
  paths: z
    .array(
      z
        .string(patternError)
        .max(256, patternError)
        .regex(/^\/[A-Za-z0-9\-._~!$&'()*+,=:@%/]*$/, patternError),
    )
    .min(1, { error: 'expected at least one path' })
    .max(32)
    .describe(
      'Which paths, e.g. [/assets/*, /*.css], without the query; * stands for any run of characters, slashes too.',
    ),
});
export type Assets = z.infer<typeof Assets>;

/** The same on the wire to a router. */
export const RouteAssets = z.object({ paths: z.array(z.string().max(256)).min(1).max(32) });
export type RouteAssets = z.infer<typeof RouteAssets>;

/** The same by value. */
export const sameAssets = (a: RouteAssets | undefined, b: RouteAssets | undefined): boolean =>
  JSON.stringify(a?.paths) === JSON.stringify(b?.paths);

/** What of a router has to fit together. */
export function assetRules(
  { protocol, assets }: { readonly protocol: 'http' | 'tcp'; readonly assets?: Assets | undefined },
  context: z.core.$RefinementCtx,
): void {
  if (protocol !== 'tcp' || assets === undefined) return;
  context.issues.push({
    code: 'custom',
    path: ['assets'],
    input: assets,
    message: 'expected no assets with protocol tcp: no request is read',
  });
}
