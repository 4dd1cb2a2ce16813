import { z } from 'zod';

const hostError = { error: 'expected a host such as shop.example or "*.shop.example", in lower case' };
/** A host name in lower case without a port, or `*.` and one: every name below it, at any depth. */
export const HostPattern = z
  .string(hostError)
  .max(253, hostError)
  .regex(/^(?:\*\.)?[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/, hostError);

const prefixError = {
  error:
    'expected a path such as /api, of letters, digits, dots, dashes, _ and ~, without a slash at its end',
};
/** Narrow on purpose: no octet in it can be written in two ways, so that what begins with it is plain to see. */
export const PathRule = z.strictObject({
  prefix: z
    .string(prefixError)
    .max(1024, prefixError)
    .regex(/^(?:\/|(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+)$/, prefixError)
    .describe(
      'The beginning of the path, by whole segments: `/api` is for `/api` and `/api/…`, not for `/apis`.',
    ),
  strip: z
    .boolean()
    .default(false)
    .describe('Instances get the path without the prefix, and the prefix in `X-Forwarded-Prefix`.'),
});
export type PathRule = z.infer<typeof PathRule>;
