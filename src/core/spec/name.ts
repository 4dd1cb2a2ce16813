import { z } from 'zod';

const nameError = {
  error:
    'expected a name of lower-case letters, digits and dashes, at most 40, not beginning or ending with a dash',
};
/** The name of a service, a layer, a set: part of paths, hosts and variables. */
export const Name = z.string(nameError).regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, nameError);
