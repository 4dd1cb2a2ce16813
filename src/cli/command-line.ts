import { CommanderError } from 'commander';
import { CutoverError, errorRecord, errorTable } from '../core/errors.ts';
import { answerJson, invocation, type Invocation } from './invocation.ts';
import { processOutput } from './output.ts';
import { makeProgram } from './program.ts';
import { errorLines } from './render/error.ts';

/** Reads the words of the command line, runs the verb, and returns the exit code. Every failure is told here, and only here. */
export async function commandLine(words: readonly string[]): Promise<number> {
  const output = processOutput(process.env);
  const surroundings = { cwd: process.cwd(), env: process.env, output };
  let exit = 0;
  // Until the words are read, what is said about a failure goes by a look at them.
  let current: Invocation = invocation(
    { json: words.includes('--json'), color: !words.includes('--no-color') },
    surroundings,
  );
  const { command: program } = makeProgram({
    begin: (options) => (current = invocation(options, surroundings)),
    end: (code) => (exit = code),
  });
  for (const each of [program, ...program.commands]) {
    each.exitOverride().configureOutput({
      writeOut: (text) => output.line(text.trimEnd()),
      // What is wrong with the words is told as every other failure is.
      writeErr: () => undefined,
    });
  }
  try {
    await program.parseAsync(words, { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // Help or version, which was asked for.
    if (error instanceof CommanderError && error.code === 'commander.help') {
      // No verb was named.
      output.line(program.helpInformation().trimEnd());
      return 0;
    }
    return tell(error instanceof CommanderError ? usage(error) : error, current);
  }
}

function tell(error: unknown, current: Invocation): number {
  const record = errorRecord(error);
  if (current.json) answerJson(current, { error: record });
  else {
    for (const line of errorLines(record, current.notePaint)) current.output.note(line);
    if (record.code === 'internal' && error instanceof Error && error.stack !== undefined)
      current.output.note(error.stack);
  }
  return errorTable[record.code].exit;
}

/** What commander found wrong, as an error of ours: its suggestion is what to do next. */
function usage({ message }: CommanderError): CutoverError {
  const [, what = message, suggestion] =
    /^(?:error: )?([^]*?)(?:\s*\(Did you mean ([^]*)\?\))?$/.exec(message.trim()) ?? [];
  const next =
    suggestion === undefined
      ? 'cutover --help shows the verbs, cutover VERB --help the options of one'
      : `did you mean ${suggestion}?`;
  return new CutoverError('usage', rephrased(what.replace(/\.$/, '')), { next });
}

/** A wrong value in the words of all our errors: subject, what was expected, what was found. */
function rephrased(what: string): string {
  const argument = /^command-argument value '([^]*)' is invalid for argument '([^']*)'\. ([^]*)$/.exec(what);
  const option = /^option '([^']*)' argument '([^]*)' is invalid\. ([^]*)$/.exec(what);
  const [subject, found, expected] = argument
    ? [argument[2], argument[1], argument[3]]
    : option
      ? [option[1], option[2], option[3]]
      : [undefined, undefined, undefined];
  if (subject === undefined || expected === undefined) return what;
  return `${subject}: ${expected.replace(/^Allowed choices are /, 'expected one of ')}, found ${found}`;
}
