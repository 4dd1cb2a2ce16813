import { z } from 'zod';
import { Duration } from '../duration.ts';
import { exactlyOne } from './check.ts';
import { Command } from './command.ts';

export const WorkerSignal = z.enum(['SIGUSR1', 'SIGUSR2', 'SIGHUP', 'SIGWINCH', 'SIGCONT']);
const pathError = { error: 'expected a path such as /active' };
const oneWay = exactlyOne('file', 'signal', 'command', 'http');

/** How the instances of a layer without traffic learn whether they may work, as a user writes it under `active`. */
export const Active = z
  .strictObject({
    file: z
      .literal(true)
      .optional()
      .describe('It looks at the file `CUTOVER_ACTIVE_FILE`, which says `active N` or `passive N`.'),
    signal: z
      .strictObject({
        active: WorkerSignal.describe('It may work.'),
        passive: WorkerSignal.describe('It may not.'),
      })
      .optional()
      .describe('It gets these signals, and then looks at the file.'),
    command: z
      .strictObject({
        active: Command.describe('It may work.'),
        passive: Command.describe('It may not; when it has ended well, it does not.'),
      })
      .optional()
      .describe('These programs are run in the release; exit code 0 says that it is done.'),
    http: z
      .strictObject({
        path: z
          .string(pathError)
          .regex(/^\/[\x21\x22\x24-\x7e]*$/, pathError)
          .max(1024, pathError)
          .default('/active')
          .describe('Of the endpoint, on the `HOST` and `PORT` of the instance.'),
      })
      .optional()
      .describe(
        'An endpoint of the instance is told, by `PUT` with the line of the file as its body; an answer of class 2xx but for 202 says that it is done. `{}` is enough.',
      ),
    within: Duration.default(10_000).describe(
      'How long an instance may take to stop working before it is ended and started again.',
    ),
  })
  .refine(oneWay.holds, oneWay.error)
  .meta(oneWay.schema);
export type Active = z.infer<typeof Active>;
