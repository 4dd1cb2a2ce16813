import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { defaultWindow, ReceiveWindow, SendWindow } from './flow-window.ts';
import { mostWindow } from './frame.ts';

describe('a window to send in', () => {
  test('has room for what the peer allowed, less what was sent', () => {
    const window = new SendWindow();
    expect(window.room).toBe(defaultWindow);
    window.take(65_000);
    expect(window.room).toBe(535);
    expect(window.grow(1000)).toBe(true);
    expect(window.room).toBe(1535);
  });
  test('may fall below nothing by a setting, and has no room then until it has grown above', () => {
    const window = new SendWindow(100);
    window.take(80);
    expect(window.grow(-100)).toBe(true);
    expect(window.room).toBe(0);
    expect(window.grow(80)).toBe(true);
    expect(window.room).toBe(0);
    expect(window.grow(1)).toBe(true);
    expect(window.room).toBe(1);
  });
  test('does not grow beyond 2^31-1', () => {
    const window = new SendWindow(1);
    expect(window.grow(mostWindow)).toBe(false);
    expect(window.room).toBe(1);
    expect(window.grow(mostWindow - 1)).toBe(true);
    expect(window.room).toBe(mostWindow);
  });
});

describe('a window to receive in', () => {
  test('refuses what is beyond it', () => {
    const window = new ReceiveWindow(10);
    expect(window.take(10)).toBe(true);
    expect(window.take(1)).toBe(false);
  });
  test('is handed back when half of it was used', () => {
    const window = new ReceiveWindow(10);
    expect(window.take(10)).toBe(true);
    expect(window.release(4)).toBe(0);
    expect(window.release(1)).toBe(5);
    expect(window.take(5)).toBe(true);
    expect(window.take(1)).toBe(false);
  });
  test('never keeps more than half of it from a peer whose bytes were all used, nor gives more than its size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.array(fc.integer({ min: 1, max: 1000 })),
        (size, wants) => {
          const window = new ReceiveWindow(size);
          let allowed = size;
          for (const want of wants) {
            const sent = Math.min(want, allowed);
            expect(window.take(sent)).toBe(true);
            allowed += window.release(sent) - sent;
            expect(allowed).toBeLessThanOrEqual(size);
            expect(2 * allowed).toBeGreaterThan(size);
          }
        },
      ),
    );
  });
});
