import type { CheckResult } from '../ports/check.ts';
import type { CommandPlace, CommandRunner } from '../ports/command.ts';

/** A command that was run. */
export interface Ran {
  readonly argv: readonly string[];
  readonly place: CommandPlace;
}

/** Keeps what is run, and lets a test say what comes of it. */
export class MemoryCommands implements CommandRunner {
  readonly ran: Ran[] = [];
  /** Well, unless a test says otherwise. */
  answer: (ran: Ran) => Partial<CheckResult> = () => ({});

  run: CommandRunner['run'] = (argv, place) => {
    const ran = { argv, place };
    this.ran.push(ran);
    const { ok = true, ...rest } = this.answer(ran);
    const detail = `${argv[0] ?? ''}: ${ok ? 'exit code 0' : 'expected exit code 0, found exit code 1'}`;
    return Promise.resolve({ ok, detail, ms: 1, ...rest });
  };
}
