import { splitShellLine } from './shell-words.ts';

/** A command as a spec has it. */
export interface FoundCommand {
  readonly argv: readonly string[];
  /** What stood before the program as `NAME=value`. */
  readonly variables: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/**
 * The argument vector of a line that was written for a shell. Where one is needed after all, it is `sh -c`, with `exec` if the
 * line is one program, so that the signal to stop reaches that and not the shell. Undefined if the line is empty.
 */
export function commandOfLine(line: string): FoundCommand | undefined {
  const text = line.trim();
  const { words, needs } = splitShellLine(text);
  if (needs === 'shell') {
    return {
      argv: ['sh', '-c', text],
      variables: {},
      notes: [
        `\`${text}\` needs a shell, which gets the signal to stop instead of the program; one program would be better`,
      ],
    };
  }
  const isAssignment = (word: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*=/.test(word);
  const skipped = words[0] === 'cross-env' || words[0] === 'env' || words[0] === 'exec' ? 1 : 0;
  const rest = words.slice(skipped);
  const first = rest.findIndex((word) => !isAssignment(word));
  if (first < 0) return undefined;
  if (needs === 'expansion') {
    const program =
      words[0] === 'exec' || words[0] === 'cross-env' ? text.slice(text.indexOf(' ') + 1).trim() : text;
    return {
      argv: ['sh', '-c', `exec ${first > 0 && words[0] !== 'env' ? 'env ' : ''}${program}`],
      variables: {},
      notes: [`\`${text}\` has variables or patterns in it, so a shell fills them in`],
    };
  }
  const variables = Object.fromEntries(
    rest.slice(0, first).map((word): [string, string] => {
      const [name = ''] = word.split('=', 1);
      return [name, word.slice(name.length + 1)];
    }),
  );
  return { argv: rest.slice(first), variables, notes: [] };
}
