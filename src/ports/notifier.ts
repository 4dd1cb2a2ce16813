import type { NoticeFacts, NoticeKind } from '../core/notice-kinds.ts';
import type { Receipt } from '../core/receipt.ts';

/** What a target is told. */
export interface NoticeMessage {
  /** Names it: the same at each try, and after a crash. Letters, digits, `-` and `_`. */
  readonly id: string;
  readonly on: NoticeKind | 'test';
  /** Milliseconds since 1970: when it happened. */
  readonly at: number;
  /** What is said, with names for facts in it. The driver puts them in, escaped as its medium needs. */
  readonly template: string;
  readonly facts: NoticeFacts;
  /** Of the deployment that has ended; null if none has. */
  readonly receipt: Receipt | null;
}

/** What came of one try. */
export interface Delivery {
  readonly ok: boolean;
  /** One line for a person, without secrets. */
  readonly detail: string;
  /** Whether another try could end better. */
  readonly retryable: boolean;
  /** How long the other side asks to wait; null if it does not. */
  readonly retryAfterMs: number | null;
}

/**
 * Tells one target what has happened.
 *
 * Contract (`src/testing/notifier.suite.ts`):
 * - `send` tries once, and resolves with what came of it within half a minute, whatever the other side does.
 * - It rejects only if the signal is aborted.
 * - It may be called again with the same message; the other side can tell by its id.
 * - What is in the facts is said as it is: nothing in it changes the form of the message, its recipients, or what is shown as a link.
 */
export interface Notifier {
  send(message: NoticeMessage, signal?: AbortSignal): Promise<Delivery>;
}
