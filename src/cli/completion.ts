import type { Command, Option } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What a shell completes after one verb: its options, and the words or files that its argument may be. */
interface Completed {
  readonly verb: string;
  readonly describe: string;
  readonly options: readonly {
    readonly flag: string;
    readonly describe: string;
    readonly takesValue: boolean;
  }[];
  readonly words: readonly string[];
}

const optionOf = (option: Option): Completed['options'][number] => ({
  flag: option.long ?? option.flags,
  describe: option.description,
  takesValue: option.required || option.optional,
});

function completed(program: Command): Completed[] {
  return program.commands.map((command) => ({
    verb: command.name(),
    describe: command.summary() || command.description(),
    options: [
      ...command.options.map(optionOf),
      { flag: '--help', describe: 'Show how it is used', takesValue: false },
    ],
    words: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  }));
}

/** The script by which a shell completes verbs, options and words; made from the tree of commands. */
export function completionScript(program: Command, shell: Shell): string {
  const verbs = completed(program);
  switch (shell) {
    case 'bash':
      return bash(verbs);
    case 'zsh':
      return zsh(verbs);
    case 'fish':
      return fish(verbs);
  }
}

const values = (verbs: readonly Completed[]): string =>
  [
    ...new Set(
      verbs.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue).map(({ flag }) => flag)),
    ),
  ].join('|');

function bash(verbs: readonly Completed[]): string {
  const cases = verbs.map(
    ({ verb, options, words }) =>
      `    ${verb}) words="${[...words, ...options.map(({ flag }) => flag)].join(' ')}" ;;`,
  );
  return `# cutover completion for bash
_cutover() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" verb="" words="" i
  COMPREPLY=()
  case "$previous" in
    --environment) COMPREPLY=($(compgen -W "blue green" -- "$current")); return ;;
    ${values(verbs)}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      --home|--spec|-f) ((i++)) ;;
      -*) ;;
      *) verb="\${COMP_WORDS[i]}"; break ;;
    esac
  done
  case "$verb" in
    "") words="${verbs.map(({ verb }) => verb).join(' ')} help --home --spec --json --no-color --help --version" ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ "$verb" == deploy || "$verb" == plan ]]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _cutover cutover
`;
}

/** Text within single quotes of a shell, with the characters that zsh's specs give a meaning taken out. */
const quoted = (text: string): string => text.replaceAll("'", '’').replaceAll(/[[\]:]/g, ' ');

function zsh(verbs: readonly Completed[]): string {
  const cases = verbs.map(({ verb, options, words }) => {
    const specs = options.map(
      ({ flag, describe, takesValue }) =>
        `'${flag}[${quoted(describe)}]${takesValue ? ':value:_files' : ''}'`,
    );
    const argument = words.length > 0 ? `'1: :(${words.join(' ')})'` : "'*: :_files'";
    return `    ${verb}) _arguments ${[...specs, argument].join(' ')} ;;`;
  });
  return `#compdef cutover
# cutover completion for zsh
_cutover() {
  local -a verbs
  verbs=(
${verbs.map(({ verb, describe }) => `    '${verb}:${quoted(describe)}'`).join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'verb' verbs
    return
  fi
  local verb="\${words[2]}"
  shift words
  (( CURRENT-- ))
  case "$verb" in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = "_cutover" ]; then _cutover "$@"; else compdef _cutover cutover; fi
`;
}

function fish(verbs: readonly Completed[]): string {
  const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  const lines = verbs.flatMap(({ verb, describe, options, words }) => {
    const within = `-n '__fish_seen_subcommand_from ${verb}'`;
    return [
      `complete -c cutover -n '__fish_use_subcommand' -f -a '${verb}' -d '${escaped(describe)}'`,
      ...(words.length > 0 ? [`complete -c cutover ${within} -f -a '${words.join(' ')}'`] : []),
      ...options.map(
        ({ flag, describe: text, takesValue }) =>
          `complete -c cutover ${within} -l ${flag.replace(/^--/, '')}${takesValue ? ' -r' : ''} -d '${escaped(text)}'`,
      ),
    ];
  });
  return `# cutover completion for fish\n${lines.join('\n')}\n`;
}
