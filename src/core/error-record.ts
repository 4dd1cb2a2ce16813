import { z } from 'zod';
import { errorTable, type ErrorCode } from './errors.ts';

/** What an error carries beyond its message: the tail of a log, the list of problems, what a command printed, and more. */
const ErrorDetail = z.looseObject({
  log: z.array(z.string()).readonly().optional(),
  problems: z.array(z.string()).readonly().optional(),
  output: z.array(z.string()).readonly().optional(),
});

/** An error as data that comes from outside. */
export const ErrorRecord = z
  .object({
    code: z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    next: z.string().optional(),
    detail: ErrorDetail.optional(),
  })
  .readonly();
export type ErrorRecord = z.infer<typeof ErrorRecord>;
