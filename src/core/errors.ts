/**
 * Every error that a user can meet, by its stable code, with what to do about it. The reference page docs/errors.md is
 * tested against this table both ways. `exit` is the exit code of the command line (see docs/cli.md).
 */
export const errorTable = {
  'spec-not-found': { exit: 2, title: 'There is no spec' },
  'spec-invalid': { exit: 2, title: 'The spec is wrong' },
  usage: { exit: 2, title: 'The command line is wrong' },
  'controller-absent': { exit: 3, title: 'No controller answers' },
  'controller-failed': { exit: 3, title: 'The controller did not start' },
  'controller-running': { exit: 3, title: 'A controller is running already' },
  'proxy-absent': { exit: 3, title: 'The proxy does not answer' },
  'proxy-refused': { exit: 3, title: 'The proxy does not know us' },
  'proxy-running': { exit: 3, title: 'A proxy is running already' },
  'agent-absent': { exit: 3, title: 'The agent does not answer' },
  'agent-refused': { exit: 3, title: 'The agent does not know us' },
  'host-key-refused': { exit: 3, title: 'A host is not known, or shows another key' },
  'ssh-refused': { exit: 3, title: 'A host cannot be used by SSH' },
  'agent-running': { exit: 3, title: 'An agent is running already' },
  'upgrade-refused': { exit: 8, title: 'The proxy does not become the program on disk' },
  'set-unfit': { exit: 2, title: 'These services cannot change as one' },
  'set-member': { exit: 5, title: 'The service changes with its set' },
  'set-unknown': { exit: 4, title: 'There is no such set' },
  'service-unknown': { exit: 4, title: 'There is no such service' },
  'release-unknown': { exit: 4, title: 'There is no such release' },
  'deployment-unknown': { exit: 4, title: 'There is no such deployment' },
  'receipt-broken': { exit: 8, title: 'A receipt is not as it was written' },
  'deployment-running': { exit: 5, title: 'Another deployment is under way' },
  'nothing-running': { exit: 5, title: 'No deployment is under way' },
  'nothing-to-roll-back-to': { exit: 5, title: 'There is nothing to roll back to' },
  'not-ready': { exit: 5, title: 'The other side is not ready for traffic' },
  'rollback-unsafe': { exit: 7, title: 'Going back is not safe' },
  'not-frozen': { exit: 5, title: 'No deployment waits for a decision' },
  'already-live': { exit: 5, title: 'That environment is live already' },
  'strategy-failed': { exit: 2, title: 'A strategy of your own could not be run' },
  'strategy-unsound': { exit: 2, title: 'A strategy of your own would break a promise' },
  'approval-refused': { exit: 5, title: 'That person cannot approve it' },
  'not-waiting': { exit: 5, title: 'The deployment does not wait for that' },
  'stale-epoch': { exit: 5, title: 'A newer controller has changed the router' },
  'lease-lost': { exit: 5, title: 'Another controller has taken over' },
  'version-conflict': { exit: 5, title: 'The log has moved on' },
  'source-invalid': { exit: 6, title: 'The artifact cannot be shipped' },
  'checksum-mismatch': { exit: 6, title: 'The archive is not the one that was named' },
  'ship-failed': { exit: 6, title: 'Hosts could not be readied for a release' },
  'build-failed': { exit: 6, title: 'A build command failed' },
  'start-failed': { exit: 6, title: 'An instance did not start' },
  'crashed-at-start': { exit: 6, title: 'An instance ended before it was healthy' },
  'never-healthy': { exit: 6, title: 'An instance did not become healthy' },
  'wrong-address': { exit: 6, title: 'An instance listens elsewhere' },
  'warm-up-failed': { exit: 6, title: 'The new side did not get warm' },
  'hand-over-failed': { exit: 6, title: 'Workers did not hand their work over' },
  'verify-failed': { exit: 6, title: 'A check failed' },
  'hook-failed': { exit: 6, title: 'A hook failed' },
  'diff-failed': { exit: 6, title: 'The new side answers otherwise than the live one' },
  'gate-refused': { exit: 6, title: 'A gate said no' },
  'gate-timeout': { exit: 6, title: 'A gate was not opened in time' },
  'canary-failed': { exit: 6, title: 'The new side did badly with a part of the traffic' },
  'bake-failed': { exit: 6, title: 'The new side did badly after the switch' },
  'undo-failed': { exit: 7, title: 'Taking the deployment back did not succeed' },
  aborted: { exit: 6, title: 'The deployment was aborted' },
  'address-in-use': { exit: 8, title: 'An address is taken' },
  'capacity-short': { exit: 5, title: 'Too little capacity would stay in service' },
  'router-cannot': { exit: 8, title: 'The router cannot do what is asked' },
  'router-absent': { exit: 8, title: 'The router does not answer' },
  'router-refused': { exit: 8, title: 'The router did not take its configuration' },
  'route-taken': { exit: 8, title: 'A host and path are taken' },
  'address-refused': { exit: 8, title: 'An address cannot be used' },
  'certificate-invalid': { exit: 8, title: 'A certificate cannot be used' },
  'page-invalid': { exit: 8, title: 'A page cannot be used' },
  'disk-full': { exit: 8, title: 'There is no room on the disk' },
  'store-locked': { exit: 8, title: 'The store is in use by another program' },
  'store-damaged': { exit: 8, title: 'The store is damaged' },
  'store-newer': { exit: 8, title: 'A newer Cutover wrote the store' },
  'state-damaged': { exit: 8, title: 'A state file is damaged' },
  'io-failed': { exit: 8, title: 'The disk or the system refused an operation' },
  'request-invalid': { exit: 2, title: 'The request is wrong' },
  internal: { exit: 70, title: 'A defect in Cutover' },
} as const satisfies Record<string, { exit: number; title: string }>;

export type ErrorCode = keyof typeof errorTable;

/** What an error carries beyond its message: the tail of a log, the list of problems, what a command printed, and more. */
export interface ErrorDetail {
  readonly log?: readonly string[] | undefined;
  readonly problems?: readonly string[] | undefined;
  readonly output?: readonly string[] | undefined;
  readonly [more: string]: unknown;
}

/**
 * An error for a person. The message names the subject, what was expected and what was found; `next` says what to do.
 * The cause is kept.
 */
export class CutoverError extends Error {
  override readonly name = 'CutoverError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly options: {
      readonly next?: string;
      readonly detail?: ErrorDetail;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
  }
  get next(): string | undefined {
    return this.options.next;
  }
  get detail(): ErrorDetail {
    return this.options.detail ?? {};
  }
}

/** The error as data, for the log, the wire and `--json`. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly next?: string | undefined;
  readonly detail?: ErrorDetail | undefined;
}

/** Any thrown value as data; one that is not ours counts as `internal`, with its text. */
export function errorRecord(thrown: unknown): ErrorRecord {
  if (thrown instanceof CutoverError) {
    const { code, message, next, options } = thrown;
    return {
      code,
      message,
      ...(next === undefined ? {} : { next }),
      ...(options.detail ? { detail: options.detail } : {}),
    };
  }
  return {
    code: 'internal',
    message: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown),
  };
}
