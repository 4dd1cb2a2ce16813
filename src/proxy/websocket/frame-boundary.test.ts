import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { closeFrame, maskedCloseFrame } from './close-frame.ts';
import { FrameBoundary } from './frame-boundary.ts';

interface Frame {
  readonly opcode: number;
  readonly masked: boolean;
  readonly length: number;
}

/** The frame as octets, with the shortest length field, or a longer one where `length` needs it (RFC 6455 §5.2). */
function octetsOf({ opcode, masked, length }: Frame): number[] {
  const mask = masked ? 0x80 : 0;
  const field =
    length < 126
      ? [mask | length]
      : length < 65_536
        ? [mask | 126, length >> 8, length & 255]
        : [mask | 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255];
  return [0x80 | opcode, ...field, ...(masked ? [1, 2, 3, 4] : []), ...new Array<number>(length).fill(0x88)];
}

const frame = fc.record({
  opcode: fc.constantFrom(0, 1, 2, 9, 10),
  masked: fc.boolean(),
  length: fc.oneof(fc.integer({ min: 0, max: 130 }), fc.constantFrom(125, 126, 127, 65_535, 65_536)),
});

test('however the octets are cut into pieces, it is between two frames exactly at their ends', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 40 }),
      (frames, cuts) => {
        const bytes = new Uint8Array(frames.flatMap(octetsOf));
        const ends = new Set<number>();
        let end = 0;
        for (const each of frames) ends.add((end += octetsOf(each).length));
        const boundary = new FrameBoundary();
        let at = 0;
        for (let n = 0; at < bytes.length; n++) {
          const to = Math.min(bytes.length, at + (cuts[n % cuts.length] ?? 1));
          expect(boundary.feed(bytes, at, to, false)).toBe(to);
          at = to;
          expect(boundary.between).toBe(ends.has(at));
        }
        expect(boundary.closing).toBe(false);
      },
    ),
    { numRuns: 200 },
  );
});

test('asked to stop, it stops at the end of the frame in progress, and goes on from there', () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 2, maxLength: 5 }), fc.nat(), (frames, seed) => {
      const bytes = new Uint8Array(frames.flatMap(octetsOf));
      const first = octetsOf(frames[0]!).length;
      const into = 1 + (seed % Math.max(1, first - 1));
      const boundary = new FrameBoundary();
      boundary.feed(bytes, 0, Math.min(into, first - 1), false);
      expect(boundary.feed(bytes, Math.min(into, first - 1), bytes.length, true)).toBe(first);
      expect(boundary.between).toBe(true);
      expect(boundary.feed(bytes, first, bytes.length, false)).toBe(bytes.length);
      expect(boundary.between).toBe(true);
    }),
  );
});

test('a close frame is noticed, ours among them', () => {
  for (const bytes of [closeFrame(1012), maskedCloseFrame(1001, Uint8Array.of(9, 8, 7, 6))]) {
    const boundary = new FrameBoundary();
    boundary.feed(bytes, 0, bytes.length, false);
    expect([boundary.closing, boundary.between]).toEqual([true, true]);
  }
  expect([...closeFrame(1012)]).toEqual([0x88, 2, 0x03, 0xf4]);
  expect([...maskedCloseFrame(1001, Uint8Array.of(0xff, 0, 0, 0))]).toEqual([
    0x88, 0x82, 0xff, 0, 0, 0, 0xfc, 0xe9,
  ]);
});
