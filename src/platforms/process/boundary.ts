/** What the driver does to the world outside of it. */
export type ActKind = 'make-directory' | 'write' | 'sync' | 'rename' | 'remove' | 'spawn' | 'signal';

/** One such act, before and after it took effect. `target`: a path, a program or a process id. */
export interface Act {
  readonly phase: 'before' | 'after';
  readonly kind: ActKind;
  readonly target: string;
}

/**
 * Is told of every act that outlives us. A test throws from it, to make the act fail before or after it took effect
 * (an error with a `code`, such as ENOSPC, is treated as the system's own), or kills the process there.
 */
export type Boundary = (act: Act) => void;

export const openBoundary: Boundary = () => undefined;
