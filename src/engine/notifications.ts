import { errorRecord } from '../core/errors.ts';
import type { Notice } from '../core/notice.ts';
import { defaultTemplate, defaultTemplates, factsOf } from '../core/notice-text.ts';
import { releaseOf } from '../core/service.ts';
import { targetName, type NotifyTarget } from '../core/spec/notify.ts';
import type { Clock } from '../ports/clock.ts';
import type { Delivery, NoticeMessage, Notifier } from '../ports/notifier.ts';
import type { Journal } from './journal.ts';

const firstWaitMs = 1000;
const longestWaitMs = 300_000;
/** While the log cannot be written. */
const logWaitMs = 1000;

/** What notifications of one service are told with. */
export interface NotificationParts {
  readonly journal: Journal;
  readonly clock: Clock;
  /** The driver of a target; paths in it are relative to `base`. */
  readonly notifier: (target: NotifyTarget, base: string) => Notifier;
  /** Aborted when the controller stops. */
  readonly signal: AbortSignal;
  readonly report: (text: string) => void;
}

/** What came of a test. */
export interface NoticeTest {
  readonly name: string;
  readonly delivery: Delivery;
}

type Due = Notice & { readonly at: number };

/**
 * Tells targets what is due by the log, each target in its order and beside the others. Nothing waits for it. What was told is recorded after
 * it was, so a controller that dies in between tells it once more, under the same id.
 */
export class Notifications {
  readonly #telling = new Map<string, Promise<void>>();
  #unwatch: (() => void) | null = null;
  /** Another controller has taken over: it tells what is due. */
  #isOver = false;

  constructor(private readonly parts: NotificationParts) {}

  /** Begins with what is due, and goes on with what comes. */
  begin(): void {
    this.#unwatch ??= this.parts.journal.watch(() => this.#look());
    this.#look();
  }

  /** Resolves when nothing is under way any more; to be called after the signal was aborted. */
  async end(): Promise<void> {
    this.#unwatch?.();
    await Promise.all(this.#telling.values());
  }

  /** Sends a test to each target of the newest release, once. */
  async test(by: string): Promise<readonly NoticeTest[]> {
    const { journal, clock, notifier, signal } = this.parts;
    const { service } = journal;
    const release = service.releases.at(-1);
    const at = clock.now();
    const tests = (release?.spec.notify ?? []).map(async (target, index): Promise<NoticeTest> => {
      const id = `notice-${service.name}-test-${at.toString(36)}-${index + 1}`;
      const last = service.deployments.at(-1);
      const facts = {
        ...factsOf(service, { id, on: 'succeeded', deployment: last?.id ?? null }, at),
        event: 'test',
        by,
      };
      const message: NoticeMessage = {
        ...{ id, on: 'test', at, facts },
        template: target.template === undefined ? defaultTemplates.test : `Test: ${target.template}`,
        receipt: last?.receipt ?? null,
      };
      return {
        name: targetName(target),
        delivery: await delivered(notifier(target, release?.base ?? '/'), message, signal),
      };
    });
    return Promise.all(tests);
  }

  #look(): void {
    if (this.parts.signal.aborted || this.#isOver) return;
    for (const { name } of this.parts.journal.service.notices.due) {
      if (this.#telling.has(name)) continue;
      const telling = this.#tellAll(name).finally(() => {
        this.#telling.delete(name);
        // What came in the very moment in which it ended.
        this.#look();
      });
      this.#telling.set(name, telling);
    }
  }

  /** Never rejects: what cannot be told is told of in the log. */
  async #tellAll(name: string): Promise<void> {
    const { journal, clock, signal, report } = this.parts;
    while (!signal.aborted) {
      const notice = journal.service.notices.due.find((due) => due.name === name);
      if (!notice) return;
      try {
        await this.#tell(notice);
      } catch (thrown) {
        if (signal.aborted) return;
        const { code, message } = errorRecord(thrown);
        report(`a notification to ${name} could not be recorded: ${message}`);
        if (code === 'lease-lost') {
          this.#isOver = true;
          return;
        }
        await clock.sleep(logWaitMs, signal).catch(() => undefined);
      }
    }
  }

  async #tell(notice: Due): Promise<void> {
    const { journal, clock, signal, report } = this.parts;
    const target = releaseOf(journal.service, notice.release)?.spec.notify[notice.target];
    for (let tries = 1, wait = firstWaitMs; ; tries++, wait = Math.min(longestWaitMs, wait * 2)) {
      const { ok, detail, retryable, retryAfterMs } = await this.#try(notice, target);
      signal.throwIfAborted();
      const next = retryAfterMs ?? wait;
      const isLate = clock.now() + next - notice.at > (target?.giveUpAfter ?? 0);
      if (ok || !retryable || isLate) {
        if (!ok) report(`a notification to ${notice.name} was given up: ${detail}`);
        await this.#record(notice, { sent: ok, detail, tries });
        return;
      }
      await clock.sleep(next, signal);
    }
  }

  #try(notice: Due, target: NotifyTarget | undefined): Promise<Delivery> {
    const { journal, notifier, signal } = this.parts;
    const { service } = journal;
    const { id, on, at, deployment } = notice;
    const base = releaseOf(service, notice.release)?.base ?? '/';
    if (!target) {
      const detail = `release ${notice.release} has no target ${notice.target + 1}`;
      return Promise.resolve({ ok: false, detail, retryable: false, retryAfterMs: null });
    }
    const message: NoticeMessage = {
      ...{ id, on, at },
      template: target.template ?? defaultTemplate(service, on, deployment),
      facts: factsOf(service, notice, at),
      receipt: deployment === null ? null : (service.deployments[deployment - 1]?.receipt ?? null),
    };
    return delivered(notifier(target, base), message, signal);
  }

  /** Again and again while the log cannot be written: what was told is not told twice for that. */
  async #record(notice: Due, outcome: { sent: boolean; detail: string; tries: number }): Promise<void> {
    const { journal, clock, signal } = this.parts;
    const { at: _at, ...told } = notice;
    for (;;) {
      try {
        await journal.append(({ notices }) =>
          // It may have been written by a try that seemed to fail.
          notices.due.some(({ id }) => id === told.id) ? [{ type: 'notice-ended', ...told, ...outcome }] : [],
        );
        return;
      } catch (thrown) {
        if (errorRecord(cause(thrown)).code === 'lease-lost') throw cause(thrown);
        await clock.sleep(logWaitMs, signal);
        await journal.reload();
      }
    }
  }
}

const cause = (thrown: unknown): Error => {
  if (!(thrown instanceof Error)) return new Error(String(thrown));
  return thrown.name === 'LogUnwritable' && thrown.cause instanceof Error ? thrown.cause : thrown;
};

/** What came of it; a driver that throws has found something wrong with the target. */
async function delivered(notifier: Notifier, message: NoticeMessage, signal: AbortSignal): Promise<Delivery> {
  try {
    return await notifier.send(message, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    return { ok: false, detail: errorRecord(thrown).message, retryable: false, retryAfterMs: null };
  }
}
