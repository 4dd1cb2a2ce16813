import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { requestHeadLimits } from './limits.ts';
import { ascii } from './octets.ts';
import { requestCorpus } from './request-head.corpus.ts';
import { parseRequestHead, RequestHead } from './request-head.ts';

const limits = requestHeadLimits;
const text = (bytes: Uint8Array, from: number, to: number): string =>
  String.fromCharCode(...bytes.subarray(from, to));

function cutNames(bytes: Uint8Array, head: RequestHead): string[] {
  return Array.from({ length: head.cuts.count }, (_, cut) => {
    const line = text(bytes, head.cuts.from(cut), head.cuts.to(cut));
    return line.slice(0, line.indexOf(':'));
  });
}

/** What the parser says, as one comparable value. */
function verdict(bytes: Uint8Array, from = 0, to = bytes.length): unknown {
  const head = new RequestHead(limits);
  const read = parseRequestHead(bytes, from, to, head, limits);
  if (read < 0) return -read;
  if (read === 0) return 'more';
  return {
    end: read - from,
    target: text(bytes, head.targetFrom, head.targetTo),
    host: text(bytes, head.hostFrom, head.hostTo),
    contentLength: head.contentLength,
    chunked: head.chunked,
    keepAlive: head.keepAlive,
    upgrade: head.upgrade,
    expectsContinue: head.expectsContinue,
    acceptsTrailers: head.acceptsTrailers,
    cut: cutNames(bytes, head).sort(),
  };
}

describe('a request head', () => {
  for (const { name, bytes, expect: expected } of requestCorpus) {
    test(`${name}: ${typeof expected === 'object' ? 'accepted' : expected}`, () => {
      const found = verdict(ascii(bytes));
      if (typeof expected !== 'object') return expect(found).toBe(expected);
      const { cut, ...fields } = expected;
      expect(found).toMatchObject(fields);
      if (cut) expect(found).toHaveProperty('cut', expect.arrayContaining([...cut]));
    });
  }

  test('names in the corpus are not repeated by mistake', () => {
    expect(new Set(requestCorpus.map(({ name }) => name)).size).toBe(requestCorpus.length);
  });

  test('no beginning of an accepted head is refused or taken for a whole one', () => {
    for (const { bytes, expect: expected } of requestCorpus) {
      if (typeof expected !== 'object') continue;
      const whole = ascii(bytes);
      for (let to = 0; to < whole.length; to++) expect(verdict(whole, 0, to)).toBe('more');
    }
  });

  test('what is refused stays refused, whatever follows', () => {
    for (const { bytes, expect: expected } of requestCorpus) {
      if (typeof expected !== 'number') continue;
      expect(verdict(ascii(`${bytes}\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n`))).toBeNumber();
    }
  });

  test('a head means the same wherever it stands in the bytes, and whatever follows it', () => {
    const accepted = requestCorpus.filter(({ expect: e }) => typeof e === 'object');
    fc.assert(
      fc.property(
        fc.constantFrom(...accepted),
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 40 }),
        ({ bytes }, before, after) => {
          const whole = ascii(bytes);
          const placed = new Uint8Array([...before, ...whole, ...after]);
          expect(verdict(placed, before.length)).toEqual(verdict(whole));
        },
      ),
    );
  });

  const pieces = [
    'GET',
    ' ',
    '/',
    ' HTTP/1.1',
    '\r\n',
    '\r',
    '\n',
    'Host',
    ':',
    ' a',
    'Content-Length: 3',
    'Transfer-Encoding: chunked',
    '\0',
    '\xff',
    '\t',
    ',',
    'Connection: ',
    'X-Forwarded-For',
    'http://a/',
    '*',
  ];
  test('any bytes give a verdict, and one that longer bytes do not take back', () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => ascii(parts.join(''))),
    );
    fc.assert(
      fc.property(noise, fc.nat(), (bytes, cut) => {
        const whole = verdict(bytes);
        const part = verdict(bytes, 0, bytes.length === 0 ? 0 : cut % bytes.length);
        if (part !== 'more') expect(whole).toEqual(part);
      }),
      { numRuns: 2000 },
    );
  });
});
