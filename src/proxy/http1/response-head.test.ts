import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { responseHeadLimits } from './limits.ts';
import { ascii } from './octets.ts';
import { responseCorpus } from './response-head.corpus.ts';
import { parseResponseHead, ResponseHead } from './response-head.ts';

const limits = responseHeadLimits;

function verdict(bytes: Uint8Array, toHead = false, from = 0, to = bytes.length): unknown {
  const head = new ResponseHead(limits);
  const read = parseResponseHead(bytes, from, to, head, limits, toHead);
  if (read < 0) return 'invalid';
  if (read === 0) return 'more';
  const cut = Array.from({ length: head.cuts.count }, (_, n) => {
    const line = String.fromCharCode(...bytes.subarray(head.cuts.from(n), head.cuts.to(n)));
    return line.slice(0, line.indexOf(':'));
  });
  const { status, framing, contentLength, keepAlive, idleSeconds, plain } = head;
  return { end: read - from, status, framing, contentLength, keepAlive, idleSeconds, plain, cut };
}

describe('a response head', () => {
  for (const { name, bytes, toHead, expect: expected } of responseCorpus) {
    test(`${name}: ${typeof expected === 'object' ? 'accepted' : expected}`, () => {
      const found = verdict(ascii(bytes), toHead);
      if (typeof expected !== 'object') return expect(found).toBe(expected);
      const { cut, ...fields } = expected;
      expect(found).toMatchObject(fields);
      if (cut) expect(found).toHaveProperty('cut', expect.arrayContaining([...cut]));
    });
  }

  test('no beginning of an accepted head is refused or taken for a whole one', () => {
    for (const { bytes, toHead, expect: expected } of responseCorpus) {
      if (typeof expected !== 'object') continue;
      const whole = ascii(bytes);
      for (let to = 0; to < whole.length; to++) expect(verdict(whole, toHead, 0, to)).toBe('more');
    }
  });

  test('any bytes give a verdict, and one that longer bytes do not take back', () => {
    const pieces = [
      'HTTP/1.1 200 OK',
      'HTTP/1.0 ',
      '\r\n',
      '\r',
      '\n',
      'Content-Length: 3',
      ': ',
      'Transfer-Encoding: chunked',
      'Connection: close',
      '\0',
      '\xff',
      'Keep-Alive: timeout=3',
    ];
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .array(fc.constantFrom(...pieces), { maxLength: 30 })
        .map((parts) => ascii(`HTTP/1.1 200 OK\r\n${parts.join('')}`)),
    );
    fc.assert(
      fc.property(noise, fc.nat(), (bytes, cut) => {
        const whole = verdict(bytes);
        const part = verdict(bytes, false, 0, bytes.length === 0 ? 0 : cut % bytes.length);
        if (part !== 'more') expect(whole).toEqual(part);
      }),
      { numRuns: 2000 },
    );
  });
});
