import { z } from 'zod';

const argvError = { error: 'expected a list of words, the program first, e.g. [node, server.js]' };
const word = z
  .string(argvError)
  .min(1, { error: 'expected a word that is not empty' })
  .max(4096, { error: 'expected a word of at most 4096 characters' })
  .regex(/^[^\0]*$/, { error: 'expected a word without a NUL character' });
/** A program with its arguments, as a list. */
export const Command = z
  // A whole number is a word that YAML took for a number: [python3, -m, http.server, 8000].
  .array(
    z.union([word, z.int().transform(String)], { error: 'expected a word or a whole number' }),
    argvError,
  )
  .min(1, argvError)
  .max(256)
  .meta({ title: 'command', description: 'The program and its arguments, as a list: no shell reads it.' });
