import type { CheckResult } from './check.ts';

/** Where a command runs, and with what. */
export interface CommandPlace {
  /** Beyond a few of the controller's own, such as PATH and HOME: none of its secrets. */
  readonly variables: Readonly<Record<string, string>>;
  /** Variables whose value is in a file, by its absolute path; a line break at its end is not part of it. They win over `variables`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly directory: string;
}

/**
 * Runs commands of a spec: a program with its arguments, without a shell.
 *
 * It resolves with what came of it (well: exit code 0), with the end of what was printed, and never rejects. The program gets a process group of
 * its own; it is ended with all that it started in there within `timeoutMs`, or when the signal is aborted. When this resolves no process of
 * that group is left.
 */
export interface CommandRunner {
  run(
    argv: readonly string[],
    place: CommandPlace,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<CheckResult>;
}
