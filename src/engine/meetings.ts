import type { SetPart } from '../core/set.ts';
import type { StepContext } from '../steps/step.ts';

/** Who comes to a meeting. */
export interface Comer {
  readonly service: string;
  readonly context: StepContext;
  /** Aborted when it need not wait any more. */
  readonly signal: AbortSignal;
}

interface Arrival {
  readonly context: StepContext;
  readonly stay: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Where the walks of a set's services meet. Who comes waits until all are there; then what is to be done is done once, for all, by whoever came
 * last. It is kept in memory: after a crash the walks that go on meet anew.
 */
export class Meetings {
  readonly #waiting = new Map<string, Map<string, Arrival>>();

  /**
   * Resolves when it is done; rejects for all with what it threw, and for one whose `signal` is aborted before all have come with its reason:
   * that one has left then.
   *
   * @param at what all do: those who come to the same of the same set meet
   */
  meet(
    set: SetPart,
    at: string,
    { service, context, signal }: Comer,
    act: (all: readonly StepContext[]) => Promise<void>,
  ): Promise<void> {
    const key = `${set.name} ${set.number} ${at}`;
    return new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(reasonOf(signal));
      const arrivals = this.#waiting.get(key) ?? new Map<string, Arrival>();
      this.#waiting.set(key, arrivals);
      const leave = (): void => {
        arrivals.delete(service);
        if (arrivals.size === 0) this.#waiting.delete(key);
        reject(reasonOf(signal));
      };
      signal.addEventListener('abort', leave, { once: true });
      const stay = (): void => signal.removeEventListener('abort', leave);
      arrivals.set(service, { context, stay, resolve, reject });
      if (arrivals.size < set.services.length) return;
      this.#waiting.delete(key);
      const all = set.services.flatMap((each) => arrivals.get(each.service) ?? []);
      // From here on nobody is cut short: it is done for the others, too.
      for (const each of all) each.stay();
      act(all.map((each) => each.context)).then(
        () => all.forEach((each) => each.resolve()),
        (error: unknown) => all.forEach((each) => each.reject(error)),
      );
    });
  }
}

const reasonOf = ({ reason }: AbortSignal): Error =>
  reason instanceof Error ? reason : new Error('no longer waited for');
