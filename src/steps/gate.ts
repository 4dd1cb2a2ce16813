import { other } from '../core/colour.ts';
import { formatDuration } from '../core/duration.ts';
import { CutoverError } from '../core/errors.ts';
import { forcedBy, pausedMs } from '../core/interventions.ts';
import type { PlannedStep } from '../core/plan.ts';
import { weightsInForce } from '../core/service.ts';
import { ask, type GateAnswer, type GatePlace } from './gate-questions.ts';
import { nothingToUndo, type Step, type StepContext, type StepDone } from './step.ts';
import { deploymentNow, stepNow } from './under-way.ts';
import { watchSide } from './watch.ts';

type PlannedGate = Extract<PlannedStep, { kind: 'gate' }>;

/** So often it is seen that the wait is over although nothing was recorded. */
const longestNapMs = 60_000;

export const gate: Step<'gate'> = {
  describe({ name, before, what, reason, timeoutMs, onTimeout }) {
    const limit =
      timeoutMs === null
        ? ''
        : `; for at most ${formatDuration(timeoutMs)}, then ${onTimeout === 'fail' ? 'it is taken back' : 'it goes on'}`;
    return `${name}, before ${before}: wait for ${what}${limit}${reason === null ? '' : ` (${reason})`}`;
  },
  describeUndo: () => null,

  async run(planned, context) {
    const wait = new GateWait(planned, context);
    const { live } = context.service();
    // While users are on both sides, the new one is watched as in a hold.
    if (live === null || weightsInForce(context.service()) === undefined) return wait.run();
    const waiting = wait.run();
    const ended = waiting.then(
      () => undefined,
      () => undefined,
    );
    try {
      await watchSide(context, {
        colour: other(live),
        release: planned.release,
        forMs: Infinity,
        leftMs: () => (wait.over ? 0 : Infinity),
        code: 'canary-failed',
        next: 'the log lines say more; all traffic goes back to the side that is live',
        progress: () => wait.words,
      });
    } finally {
      wait.end();
      await ended;
    }
    return waiting;
  },

  undo: nothingToUndo,
};

/** Waits at a gate: asks it, again and again, until it is open, says no, or its time is over. */
class GateWait {
  over = false;
  /** What is waited for. */
  words: string;
  readonly #place: GatePlace;
  readonly #ended = new AbortController();

  constructor(
    private readonly planned: PlannedGate,
    private readonly context: StepContext,
  ) {
    const release = context.release(planned.release);
    const { gate: number, name, before } = planned;
    const written = release.spec.gates[number - 1];
    if (!written) throw new CutoverError('internal', `release ${release.number} has no gate ${number}`);
    this.words = `waiting for ${planned.what}`;
    this.#place = { gate: written, number, name, before, step: stepNow(context), release };
  }

  async run(): Promise<StepDone> {
    try {
      return await this.#wait();
    } finally {
      this.over = true;
    }
  }

  /** Nobody waits for it any more. */
  end(): void {
    this.#ended.abort(new Error('the wait is over'));
  }

  async #wait(): Promise<StepDone> {
    const { context, planned } = this;
    const { clock } = context;
    let dueAt = -Infinity;
    for (;;) {
      const forced = forcedBy(deploymentNow(context));
      if (forced) return { says: `forced open by ${forced.by}` };
      // A command or a web server is not asked more often because something else was recorded.
      if (planned.waitsFor === 'approval' || clock.monotonic() >= dueAt) {
        const answer = await this.#ask();
        if (answer.verdict === 'yes') return { says: answer.says };
        if (answer.verdict === 'no') throw this.#refused(answer);
        dueAt = clock.monotonic() + answer.againMs;
        this.words = answer.says;
      }
      const leftMs = this.#leftMs();
      if (leftMs <= 0) return this.#late();
      context.report(this.words);
      await context.untilChange(Math.max(1, Math.min(dueAt - clock.monotonic(), leftMs, this.#napMs)));
      this.#ended.signal.throwIfAborted();
    }
  }

  /** Where a side is watched meanwhile, this ends soon after that has failed. */
  get #napMs(): number {
    return weightsInForce(this.context.service()) === undefined ? longestNapMs : 500;
  }

  async #ask(): Promise<GateAnswer> {
    const either = AbortSignal.any([this.context.signal, this.#ended.signal]);
    const answer = await ask(this.#place, this.context, either);
    either.throwIfAborted();
    return answer;
  }

  /** How long it may still take; time in which the deployment was paused does not count. */
  #leftMs(): number {
    const { timeoutMs } = this.planned;
    if (timeoutMs === null) return Infinity;
    const now = this.context.clock.now();
    const deployment = deploymentNow(this.context);
    const since = deployment.steps[this.#place.step]?.startedAt ?? now;
    return timeoutMs - (now - since - pausedMs(deployment, since, now));
  }

  #refused({ says, output = [] }: GateAnswer): CutoverError {
    const { name, before } = this.planned;
    return new CutoverError('gate-refused', `${name}, before ${before}: ${says}`, {
      next: 'what it said no to is for people to mend; then deploy again',
      ...(output.length > 0 && { detail: { output } }),
    });
  }

  #late(): StepDone {
    const { name, before, timeoutMs, onTimeout } = this.planned;
    const within = formatDuration(timeoutMs ?? 0);
    if (onTimeout === 'go-on') return { says: `not opened within ${within}; it goes on, as the spec says` };
    throw new CutoverError(
      'gate-timeout',
      `${name}, before ${before}: expected it to be opened within ${within}, found ${this.words}`,
      { next: 'deploy again when whoever opens it is there; gates[].timeout says how long is waited' },
    );
  }
}
