import type { Argument, Option } from 'commander';
import { errorTable, type ErrorCode } from '../core/errors.ts';
import type { Program } from './program.ts';

/** What `docs/cli.md` says: made from the tree of commands and the table of errors. `bun src/cli/reference.ts > docs/cli.md` */
export function reference({ command: program, examples }: Program): string {
  const [first] = program.commands;
  const common = (first?.options ?? []).filter((option) =>
    program.options.some(({ long }) => long === option.long),
  );
  const sections = program.commands.map((command) => {
    const own = command.options.filter(({ long }) => !common.some((option) => option.long === long));
    const uses = examples.get(command.name()) ?? [];
    return [
      `## cutover ${command.name()}`,
      `${command.description()}.`,
      `\`cutover ${command.name()} ${command.usage()}\``,
      [...command.registeredArguments.map(argumentLine), ...own.map(optionLine)].join('\n'),
      ['```sh', ...aligned(uses), '```'].join('\n'),
      notes[command.name()] ?? '',
    ]
      .filter((part) => part !== '')
      .join('\n\n');
  });
  return `${[
    '<!-- Made by `bun src/cli/reference.ts > docs/cli.md` from the tree of commands and the table of errors. -->',
    '# The command line',
    intro,
    '## Options of every verb',
    common.map(optionLine).join('\n'),
    about,
    ...sections,
    '## Exit codes',
    exits(),
  ].join('\n\n')}\n`;
}

const intro = `\`cutover VERB [options]\`. \`cutover --help\` lists the verbs, \`cutover VERB --help\` shows one with its options and examples,
\`cutover --version\` prints the version. The result goes to the standard output; errors, warnings and, with \`--json\`, progress go to the
standard error output.`;

const about = `They may stand before the verb or after it.

With \`--json\` the standard output is exactly one JSON document: the answer of the API (\`src/server/api.ts\`), or \`{"error": {"code", "message",
"next", "detail"}}\`, in which \`code\` is one of [errors.md](errors.md). A deployment that was taken back has both: \`{"error", "deployment"}\`.

Colours are there on a terminal only. \`--no-color\` takes them away, and so does \`NO_COLOR\` (any text but the empty one); else \`FORCE_COLOR\`
asks for them (\`0\` and \`false\`: takes them away).

Where a verb takes the name of a service and none is given, it is that in the spec of the folder, else the only one that the controller has. Of
the spec only the name is read there, so that the way back does not depend on a spec that is right.`;

/** What a verb's own help is too short for. */
const notes: Readonly<Record<string, string>> = {
  up: `The controller runs in a session of its own and writes to \`controller.log\` in the home directory. Returns when controller and proxy
answer, or with \`controller-failed\` and the end of that log. Does nothing if they run.`,
  down: `Requests in flight are finished, then instances get their signal and grace. Returns when the controller is gone; does nothing if it is not
there. With \`--keep-running\` traffic flows on, and the next \`cutover up\` takes over what runs.`,
  deploy: `On a terminal each step has a line that is drawn over while it goes on; elsewhere there is a plain line when a step begins and one when it
ends. If the controller is restarted meanwhile, the deployment goes on and so does the following; a controller that stays away for 30 seconds is
\`controller-absent\`.

Ctrl-C detaches: the deployment goes on, it is said how to follow or abort it, and the exit code is 130.

A failure takes the deployment back. What failed, what to do, the end of the log, and what is live now are printed; the exit code is that of the
error. A relative SOURCE starts from the current folder, \`release.from\` from that of the spec. A git revision is taken as the commit that it is
when the order is given.`,
  switch: 'Returns when the traffic is there; the old side is drained and kept after that.',
  rollback: `Returns when the traffic is back. It says what that cost: \`safe\`, \`lossy\` (so many writes were answered by the new side since the switch), or
\`unsafe\`. A deployment that is under way and has switched already is taken back instead, which comes to the same.`,
  abort:
    'Succeeds if the deployment was taken back. One that had succeeded before the abort came is `nothing-running`.',
  status: `\`UP\` is how many instances run, of how many, and how far the environment has come: prepared, started, healthy, verified. Requests, failures and
latencies are the router's own, since it was started.`,
  logs: `Escape sequences in what instances wrote are left out; \`--json\` has them. Of an environment that was stopped, also after a deployment that
failed, there are the lines of its last run.

\`--follow\` prints every line once, when it has its end, whatever happens meanwhile: rotation, restarts of instances and of the controller, a switch,
another release. It stays with the environment that was named; else each line begins with its environment. With \`--json\` each line is one JSON document:
\`{"environment", "layer", "index", "text"}\`. A controller that stays away for 30 seconds is \`controller-absent\`.

In the home directory \`cat logs/SERVICE/COLOUR/web-0.log.0* logs/SERVICE/COLOUR/web-0.log\` is all that is kept of what an instance wrote. A file can
end in the middle of a line, which the next one goes on with. Where the disk can give back the beginning of a file that is written to (ext4, XFS; with a hole
that reads as zeros: tmpfs, Btrfs and others), rotation loses nothing; elsewhere, such as on vfat, it can lose what is written in the microseconds
in which the file is emptied.`,
  receipt: `What a receipt says, and what the chain of them proves: [receipts.md](receipts.md).`,
  proxy: `Without an action the proxy runs in the foreground, with no controller, until SIGTERM or Ctrl-C; requests in flight are finished first. It says
\`ready:\` once it answers. Its state is in a temporary directory that it removes at its end, or in \`--home\`: then the traffic goes where it last went
after a restart. The actions find a proxy by \`--admin\` or \`--home\`; \`switch\` and \`mode\` are for one that runs by itself, \`status\` and \`upgrade\` are for any.
See [proxy.md](proxy.md).`,
  agent: `\`run\` goes on in the foreground until SIGTERM or Ctrl-C and says \`ready:\` once it answers; the role survives restarts. \`status\` and \`enable\`
find the agent by \`--home\`. \`check\` prints what it looked at, what was expected and what was found; the exit code is 1 if the program does not
keep to the protocol, 3 if it does not answer. With \`--json\`: \`{"conforms", "findings": [{"look", "result", "found", "next"}]}\`. See
[agent.md](agent.md).`,
  doctor: `Changes nothing. The exit code is 1 if something must be mended, 0 otherwise. \`--json\`: \`{"fit", "findings": [{"look", "result", "found",
"next"}]}\`.`,
};

const argumentLine = (argument: Argument): string =>
  `- \`${argument.required ? `<${argument.name()}>` : `[${argument.name()}]`}\`: ${argument.description}`;

const optionLine = ({ flags, description, defaultValue }: Option): string =>
  `- \`${flags}\`: ${description}${typeof defaultValue === 'number' ? ` (default: ${defaultValue})` : ''}`;

function aligned(uses: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...uses.map(([command]) => command.length));
  return uses.map(([command, does]) => `${command.padEnd(width)}  # ${does}`);
}

function exits(): string {
  const codes = new Map<number, ErrorCode[]>();
  for (const [code, { exit }] of Object.entries(errorTable) as [ErrorCode, { exit: number }][]) {
    codes.set(exit, [...(codes.get(exit) ?? []), code]);
  }
  const rows: [number, string][] = [
    [0, 'all went well'],
    [
      1,
      '`cutover doctor` found something to mend, `cutover agent check` a breach of the protocol, or a target did not take the message of `cutover notify test`',
    ],
    ...[...codes].map(([exit, list]): [number, string] => [
      exit,
      list.map((code) => `\`${code}\``).join(', '),
    ]),
    [130, 'Ctrl-C: what was begun goes on'],
    [141, 'the reader of the output went away (`\\| head`)'],
  ];
  rows.sort(([a], [b]) => a - b);
  return ['| exit | meaning |', '| --- | --- |', ...rows.map(([exit, text]) => `| ${exit} | ${text} |`)].join(
    '\n',
  );
}

if (import.meta.main) {
  const { describedProgram } = await import('./described-program.ts');
  process.stdout.write(reference(describedProgram()));
}
