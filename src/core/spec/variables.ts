import { z } from 'zod';

export const Variables = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'expected the name of an environment variable' }),
    z.union(
      [
        z.string().regex(/^[^\0]*$/, { error: 'expected text without a NUL character' }),
        z.number().transform(String),
        z.boolean().transform(String),
        z
          .strictObject({
            file: z
              .string()
              .min(1)
              .describe('The file, relative to the spec. A line break at its end is not part of the value.'),
          })
          .describe('Read from a file when the instance starts; for secrets.'),
      ],
      { error: 'expected text, a number, true, false or {file: PATH}' },
    ),
  )
  .describe(
    'Environment variables. A value `{file: PATH}` is read when an instance starts and is never recorded.',
  );
