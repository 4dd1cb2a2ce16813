import { rendered } from '../core/template.ts';
import type { Delivery, NoticeMessage, Notifier } from '../ports/notifier.ts';

/** What a target was told, as text. */
export interface Told {
  readonly target: string;
  readonly message: NoticeMessage;
  readonly text: string;
}

/** Keeps what is told, and lets a test say what comes of it. */
export class MemoryNotifier {
  readonly told: Told[] = [];
  /** Well, unless a test says otherwise. */
  answer: (told: Told) => Partial<Delivery> | Promise<Partial<Delivery>> = () => ({});

  /** The driver for a target of this name. */
  to(target: string): Notifier {
    return {
      send: async (message, signal) => {
        signal?.throwIfAborted();
        const told = { target, message, text: rendered(message.template, message.facts).trim() };
        this.told.push(told);
        const { ok = true, ...rest } = await this.answer(told);
        signal?.throwIfAborted();
        return { ok, detail: ok ? 'taken' : 'refused', retryable: !ok, retryAfterMs: null, ...rest };
      },
    };
  }
}
