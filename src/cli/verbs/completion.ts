import type { Command } from 'commander';
import { completionScript, shells, type Shell } from '../completion.ts';
import { CutoverError } from '../../core/errors.ts';
import { answerJson, type Invocation } from '../invocation.ts';

/** The script that completes words in a shell. */
export function completion(invocation: Invocation, program: Command, shell: string): number {
  const known = shells.find((each): each is Shell => each === shell);
  if (known === undefined) {
    throw new CutoverError('usage', `expected ${shells.join(', ')}, found ${shell}`, {
      next: 'cutover completion --help shows how each is set up',
    });
  }
  const script = completionScript(program, known);
  if (invocation.json) answerJson(invocation, { shell: known, script });
  else invocation.output.line(script.trimEnd());
  return 0;
}
