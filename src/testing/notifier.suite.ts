import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Notifier } from '../ports/notifier.ts';
import { noticeMessage } from './notice-messages.ts';

/** The other side of a notifier, in the hands of a test. */
export interface NotifierHarness {
  readonly notifier: Notifier;
  /** What arrived: the id and the text of each message, oldest first. */
  arrived(): Promise<readonly { readonly id: string; readonly text: string }[]>;
  /** From now on it refuses: for good, or for now. */
  refuse(how: 'for good' | 'for now'): void;
  /** From now on it answers nothing at all. */
  hang(): void;
  /** Resolves when it has something that it does not answer. */
  hanging(): Promise<void>;
  /** It is gone: nobody listens. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

/** The contract of `Notifier`. */
export function notifierSuite(
  name: string,
  make: () => Promise<NotifierHarness>,
  /** How the medium writes a value in a text. */
  written: (value: string) => string = (value) => value,
): void {
  describe(`the notifier ${name}`, () => {
    let harness: NotifierHarness;
    beforeEach(async () => {
      harness = await make();
    });
    afterEach(() => harness.close());

    test('says what it was given, with the facts in it', async () => {
      const delivery = await harness.notifier.send(noticeMessage());
      expect(delivery).toMatchObject({ ok: true });
      const [got] = await harness.arrived();
      expect(got?.text).toContain('shop: release 12 (1.4.0) by ada');
    });

    test('names a message the same when it is sent again', async () => {
      await harness.notifier.send(noticeMessage());
      await harness.notifier.send(noticeMessage());
      await harness.notifier.send(noticeMessage({ id: 'notice-shop-8-x-1' }));
      const ids = (await harness.arrived()).map(({ id }) => id);
      expect(ids).toHaveLength(3);
      expect(ids[0]).toBe(ids[1] ?? '');
      expect(ids[0]).not.toBe(ids[2] ?? '');
      expect(ids[0]).toContain('notice-shop-7-x-1');
    });

    test('says what is in the facts as it is, whatever that is', async () => {
      const by = 'Zoë <!channel> & "co" {{version}} ünï';
      const delivery = await harness.notifier.send(noticeMessage({ facts: { by } }));
      expect(delivery.ok).toBeTrue();
      expect((await harness.arrived())[0]?.text).toContain(`by ${written(by)}`);
    });

    test('tells a refusal for good from one for now', async () => {
      harness.refuse('for now');
      expect(await harness.notifier.send(noticeMessage())).toMatchObject({ ok: false, retryable: true });
      harness.refuse('for good');
      const refused = await harness.notifier.send(noticeMessage());
      expect(refused).toMatchObject({ ok: false, retryable: false });
      expect(refused.detail).not.toBe('');
      expect(refused.detail).not.toMatch(/[\r\n]/);
    });

    test('says that nobody is there, and that another try may end better', async () => {
      await harness.leave();
      const delivery = await harness.notifier.send(noticeMessage());
      expect(delivery).toMatchObject({ ok: false, retryable: true });
    });

    test('ends at once when nobody wants it any more', async () => {
      harness.hang();
      const abort = new AbortController();
      const reason = new Error('the controller stops');
      const sending = harness.notifier.send(noticeMessage(), abort.signal).then(
        () => 'sent',
        (error: unknown) => error,
      );
      await harness.hanging();
      abort.abort(reason);
      expect(await sending).toBe(reason);
    });
  });
}
