import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { ChunkedBody } from './chunked-body.ts';
import { ascii } from './octets.ts';
import { bodyCorpus } from './request-head.corpus.ts';

/** Feeds the bytes in pieces of the given sizes; the index of the end of the body, -1 if it is not valid, `more` if it goes on. */
function feed(bytes: Uint8Array, sizes: readonly number[] = []): { end: number | 'more'; content: string } {
  const body = new ChunkedBody();
  let content = '';
  let from = 0;
  for (let n = 0; from < bytes.length; n++) {
    const to = Math.min(bytes.length, from + (sizes[n] ?? bytes.length));
    const end = body.feed(
      bytes,
      from,
      to,
      (a, b) => (content += String.fromCharCode(...bytes.subarray(a, b))),
    );
    if (end === -1 || body.done) return { end, content };
    expect(end).toBe(to);
    from = to;
  }
  return { end: 'more', content };
}
const valid = [
  { name: 'no content', body: '0\r\n\r\n', content: '' },
  { name: 'one chunk', body: '3\r\nabc\r\n0\r\n\r\n', content: 'abc' },
  {
    name: 'hexadecimal sizes',
    body: `a\r\n0123456789\r\n00B\r\n0123456789a\r\n0\r\n\r\n`,
    content: '01234567890123456789a',
  },
  { name: 'an extension', body: '3;name="va lue"\r\nabc\r\n0;x\r\n\r\n', content: 'abc' },
  { name: 'a chunk that looks like framing', body: '7\r\n0\r\n\r\nab\r\n0\r\n\r\n', content: '0\r\n\r\nab' },
  { name: 'trailers', body: '3\r\nabc\r\n0\r\nX-Checksum: 1\r\nX-Empty:\r\n\r\n', content: 'abc' },
];

describe('a chunked body', () => {
  for (const { name, body, content } of valid)
    test(`${name}: its end is found`, () => {
      expect(feed(ascii(`${body}GET / HTTP/1.1`))).toEqual({ end: body.length, content });
    });
  for (const { name, body } of bodyCorpus)
    test(`${name}: refused`, () => {
      expect(feed(ascii(body)).end).toBe(-1);
    });

  test('is read the same in any pieces', () => {
    const bodies = [...valid, ...bodyCorpus].map(({ body }) => ascii(body));
    fc.assert(
      fc.property(
        fc.constantFrom(...bodies),
        fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 }),
        (bytes, sizes) => {
          expect(feed(bytes, sizes).end).toBe(feed(bytes).end);
        },
      ),
      { numRuns: 500 },
    );
  });
  test('of any bytes gives a verdict', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const { end } = feed(bytes);
        expect(end === 'more' || end === -1 || end > 0).toBe(true);
      }),
    );
  });
  test('is read again after a reset', () => {
    const body = new ChunkedBody();
    const bytes = ascii('3\r\nabc\r\n0\r\nX: 1\r\n\r\n');
    for (let n = 0; n < 3; n++) {
      body.reset();
      expect(body.feed(bytes, 0, bytes.length)).toBe(bytes.length);
    }
  });
});
