import { CutoverError } from '../core/errors.ts';
import { makeProgram, type Program } from './program.ts';

/** The tree of commands to be read, not run. */
export const describedProgram = (): Program =>
  makeProgram({
    begin: () => {
      throw new CutoverError('internal', 'this tree of commands is only described');
    },
    end: () => undefined,
  });
