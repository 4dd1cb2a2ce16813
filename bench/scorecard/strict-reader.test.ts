import { expect, test } from 'bun:test';
import { bodyCorpus, requestCorpus } from '../../src/proxy/http1/request-head.corpus.ts';
import { readStrictly } from './strict-reader.ts';

const post = (fields: string, body: string): string =>
  `POST /x HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n${body}`;

test('requests that stand one after another are read, and one that is cut is told as such', () => {
  const first = post('Content-Length: 3', 'abc');
  const second = post('Transfer-Encoding: chunked', '3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX: 1\r\n\r\n');
  expect(readStrictly(first + second)).toEqual({
    requests: [
      { method: 'POST', target: '/x', bytes: 3, whole: true },
      { method: 'POST', target: '/x', bytes: 5, whole: true },
    ],
    doubt: null,
    open: false,
  });
  for (const text of [first, second])
    for (let end = 1; end < text.length; end++) {
      const { requests, doubt } = readStrictly(text.slice(0, end));
      expect({ end, doubt, whole: requests.some(({ whole }) => whole) }).toEqual({
        end,
        doubt: null,
        whole: false,
      });
    }
});

test('it finds fault with what the corpus of the proxy refuses, of which it knows nothing', () => {
  // What is refused for its length, its version or its method is no doubt about where it ends.
  const doubtful = requestCorpus.filter(({ expect, bytes }) => expect === 400 && bytes.includes('\r\n\r\n'));
  const missed = doubtful.filter(({ bytes }) => readStrictly(bytes).doubt === null).map(({ name }) => name);
  expect(doubtful.length).toBeGreaterThan(50);
  expect(missed).toEqual([]);
  const bodies = bodyCorpus.filter(({ name }) => !/too long|X-Forwarded|many zeros/.test(name));
  const unseen = bodies.filter(
    ({ body }) => readStrictly(post('Transfer-Encoding: chunked', body)).doubt === null,
  );
  expect(unseen.map(({ name }) => name)).toEqual([]);
});
