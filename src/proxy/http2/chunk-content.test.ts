import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { ChunkedBody } from '../http1/chunked-body.ts';
import { ChunkContent } from './chunk-content.ts';

const encode = (chunks: readonly string[], trailers: readonly string[]): Buffer =>
  Buffer.from(
    `${chunks.map((chunk) => `${chunk.length.toString(16)};x="y"\r\n${chunk}\r\n`).join('')}000\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n`,
    'latin1',
  );
const word = fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom('a', '0', '\r', '\n', ';') });

test('the content comes out as it went in, however it is cut and however little room there is', () => {
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1 }),
      (chunks, cuts, rooms) => {
        const bytes = encode(chunks, ['X-Sum: 1 ', 'x-b:2']);
        const judge = new ChunkedBody();
        expect(judge.feed(bytes, 0, bytes.length)).toBe(bytes.length);
        const content = new ChunkContent();
        let out = '';
        let turn = 0;
        for (let at = 0, cut = 0; at < bytes.length;) {
          const end = Math.min(bytes.length, at + cuts[cut++ % cuts.length]!);
          while (at < end) {
            // Now and then there is room, or it would never end.
            const room = turn % 3 === 2 ? 1 : rooms[turn % rooms.length]!;
            turn++;
            const from = content.seek(bytes, at, end);
            const size = Math.min(room, content.ahead, end - from);
            out += bytes.toString('latin1', from, from + size);
            if (size > 0) content.took(size);
            at = from + size;
          }
        }
        expect(content.done).toBeTrue();
        expect(out).toBe(chunks.join(''));
        expect(content.trailers).toEqual([
          ['x-sum', '1'],
          ['x-b', '2'],
        ]);
      },
    ),
  );
});

test('the end of a body is seen where there is no room', () => {
  const bytes = encode(['abc'], []);
  const content = new ChunkContent();
  const from = content.seek(bytes, 0, bytes.length);
  expect(content.ahead).toBe(3);
  content.took(3);
  expect(content.seek(bytes, from + 3, bytes.length)).toBe(bytes.length);
  expect(content.done).toBeTrue();
});
