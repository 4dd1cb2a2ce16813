import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { ErrorPages, pageTypeOf } from './page.ts';
import { fillPage, pageFor } from './page-text.ts';

const hostile = `"><script>'&{status}`;

test('what is filled in is escaped for the type of the page, and other braces stay', () => {
  const text = 'a{} {status} {requestId} {{status}} {Status}';
  expect(fillPage({ type: 'html', text }, 502, hostile)).toBe(
    'a{} 502 &quot;&gt;&lt;script&gt;&#39;&amp;{status} {502} {Status}',
  );
  expect(fillPage({ type: 'text', text: '{requestId}' }, 502, null)).toBe('-');
});

test('whatever the request id, a JSON page stays JSON and says it', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.integer({ min: 400, max: 599 }),
      (id, status) => {
        const page = { type: 'json', text: '{"status":{status},"id":"{requestId}"}' } as const;
        expect(JSON.parse(fillPage(page, status, id))).toEqual({ status, id });
      },
    ),
  );
  // Half a second of work, on a machine that may be busy with other things.
}, 30_000);

test('a status has its own page, else that of its class', () => {
  const pages = { '503': 'own', '5xx': 'class' };
  expect([503, 502, 404].map((status) => pageFor(pages, status))).toEqual(['own', 'class', undefined]);
});

test('pages are for statuses from 400 and their classes, in files of a known type', () => {
  expect(ErrorPages.safeParse({ 503: 'a/b c.html', '4xx': 'x.json' }).success).toBe(true);
  for (const wrong of [
    { 200: 'a.html' },
    { '3xx': 'a.html' },
    { 503: 'a.png' },
    { 503: 'html' },
    { 5000: 'a.html' },
  ])
    expect(ErrorPages.safeParse(wrong).success).toBe(false);
  expect([pageTypeOf('a.b/HTML'), pageTypeOf('x.Txt'), pageTypeOf('')]).toEqual([null, 'text', null]);
});
