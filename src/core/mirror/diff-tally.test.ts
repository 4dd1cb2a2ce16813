import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Comparison, type Answer } from './comparison.ts';
import { DiffReport, judgeRoute, summarize } from './diff-report.ts';
import { DiffTally, type DiffSubject } from './diff-tally.ts';

const subject: DiffSubject = {
  ...{ service: 'shop', id: 'deployment-2', share: 0.05 },
  from: 'blue',
  to: 'green',
  releases: { live: 1, idle: 2 },
};
const comparison = new Comparison({
  compare: { headers: ['content-type', 'x-id'], bodies: true },
  ignore: ['$.ignored', 'header x-ignored'],
});
const answer = (body: unknown, { status = 200, type = 'application/json', id = '1' } = {}): Answer => ({
  status,
  headers: new Map([
    ['content-type', type],
    ['x-id', id],
  ]),
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});

/** Compares one request as a mirror does: live is asked again where the tally wants it. */
function compare(tally: DiffTally, live: Answer, idle: Answer, again: () => Answer, route = 'GET /'): void {
  const differences = comparison.differences(live, idle);
  const shownAt = (at: string): string => at;
  const own = tally.wantsControl(route, differences, shownAt) ? comparison.differences(live, again()) : null;
  tally.chosen++;
  tally.add({
    ...{ route, differences, own, shownAt, usersUs: 1000, idleUs: 2000, liveUs: own === null ? null : 1500 },
    example: (found) => ({
      ...{ at: 1, request: 'GET /', headers: {}, body: null, status: { live: 200, idle: 200 } },
      ...{ live: String(found.live), idle: String(found.idle) },
    }),
  });
}

test('what live itself answers otherwise each time is no difference, and what only the idle side does is one', () => {
  const tally = new DiffTally(subject, 0);
  let n = 0;
  const live = (): Answer => answer({ id: Math.random(), at: ++n, total: 10 });
  for (let i = 0; i < 200; i++)
    compare(tally, live(), answer({ id: Math.random(), at: ++n, total: 11 }), live);
  const summary = summarize(tally.report(1000, false));
  expect(summary).toMatchObject({ compared: 200, differing: 200, noisy: 0 });
  expect(summary.causes).toEqual([{ route: 'GET /', kind: 'changed', at: '$.total', count: 200 }]);
  const quiet = new DiffTally(subject, 0);
  for (let i = 0; i < 200; i++)
    compare(quiet, live(), answer({ id: Math.random(), at: ++n, total: 10 }), live);
  expect(summarize(quiet.report(1000, false))).toMatchObject({ compared: 200, differing: 0, noisy: 200 });
});

test('a value that is one of two by chance is noise; one that is rarely another in live does not excuse a side that always is', () => {
  const coin = (): Answer => answer({ side: Math.random() < 0.5 ? 'heads' : 'tails' });
  const tally = new DiffTally(subject, 0);
  for (let i = 0; i < 400; i++) compare(tally, coin(), coin(), coin);
  expect(summarize(tally.report(1000, false)).differing).toBe(0);
  const rare = (): Answer => answer({ side: Math.random() < 0.02 ? 'tails' : 'heads' });
  const wrong = new DiffTally(subject, 0);
  for (let i = 0; i < 400; i++) compare(wrong, rare(), answer({ side: 'edge' }), rare);
  expect(summarize(wrong.report(1000, false)).differing).toBe(400);
});

test('live is asked again where answers differ, often at first, seldom once it is known what differs', () => {
  const tally = new DiffTally(subject, 0);
  for (let i = 0; i < 1000; i++) compare(tally, answer({ a: 1 }), answer({ a: 1 }), () => answer({ a: 1 }));
  expect(tally.controls).toBe(0);
  for (let i = 0; i < 1000; i++) compare(tally, answer({ a: 1 }), answer({ a: 2 }), () => answer({ a: 1 }));
  expect(tally.controls).toBeGreaterThanOrEqual(20);
  expect(tally.controls).toBeLessThanOrEqual(250);
});

test('status, chosen headers, format, text and bytes are compared, and what the rules leave out is not', () => {
  const kinds = (a: Answer, b: Answer): string[] =>
    comparison.differences(a, b).map(({ kind, at }) => `${kind} ${at}`);
  expect(kinds(answer({ a: 1 }), answer({ a: 2 }, { status: 500 }))).toEqual(['status 200 → 500']);
  expect(kinds(answer({}), answer({}, { id: '2' }))).toEqual(['header x-id']);
  expect(kinds(answer({}), answer({}, { type: 'Application/JSON' }))).toEqual([]);
  expect(kinds(answer({ ignored: 1 }), answer({ ignored: { x: 2 } }))).toEqual([]);
  expect(kinds(answer({}), answer('<p>', { type: 'application/json' }))).toEqual(['format body']);
  expect(kinds(answer('a b', { type: 'text/html' }), answer('a c', { type: 'text/html' }))).toEqual([
    'text body',
  ]);
  expect(kinds(answer('a', { type: 'image/png' }), answer('b', { type: 'image/png' }))).toEqual([
    'bytes body',
  ]);
});

test('a page that is a little different each time is noise, and another page is not', () => {
  const page = (token: number, text: string): Answer =>
    answer(`<html>${'<p>the same words on each page</p>\n'.repeat(20)}<input value=${token}>${text}</html>`, {
      type: 'text/html',
    });
  const tally = new DiffTally(subject, 0);
  for (let i = 0; i < 100; i++)
    compare(tally, page(Math.random(), ''), page(Math.random(), ''), () => page(Math.random(), ''));
  expect(summarize(tally.report(1, false)).differing).toBe(0);
  const wrong = new DiffTally(subject, 0);
  const sorry = answer('<html>Sorry</html>', { type: 'text/html' });
  for (let i = 0; i < 100; i++) compare(wrong, page(Math.random(), ''), sorry, () => page(Math.random(), ''));
  expect(summarize(wrong.report(1, false)).differing).toBe(100);
});

test('a report is bounded, whatever is compared', () => {
  const tally = new DiffTally(subject, 0);
  for (let i = 0; i < 5000; i++) {
    const name = i.toString(26).replaceAll(/\d/g, (digit) => 'qrstuvwxyz'[Number(digit)] ?? '');
    compare(
      tally,
      answer({}),
      answer({ [name]: 'x'.repeat(100) }),
      () => answer({}),
      `GET /${name.slice(0, 3)}`,
    );
  }
  const report = tally.report(1, false);
  expect(report.routes.length).toBeLessThanOrEqual(200);
  expect(JSON.stringify(report).length).toBeLessThan(8_000_000);
  expect(summarize(report)).toMatchObject({ compared: 5000, differing: 5000 });
});

test('a tally that is made from its report goes on where it ended', () => {
  const compared = fc.record({
    live: fc.integer({ min: 0, max: 2 }),
    idle: fc.integer({ min: 0, max: 2 }),
    again: fc.integer({ min: 0, max: 2 }),
  });
  fc.assert(
    fc.property(fc.array(compared, { maxLength: 40 }), fc.nat(40), (all, at) => {
      const straight = new DiffTally(subject, 0);
      let broken = new DiffTally(subject, 0);
      all.forEach(({ live, idle, again }, index) => {
        if (index === at) {
          const written: unknown = JSON.parse(JSON.stringify(broken.report(5, true)));
          broken = new DiffTally(subject, 9, DiffReport.parse(written));
        }
        for (const tally of [straight, broken])
          compare(tally, answer({ v: live }), answer({ v: idle }), () => answer({ v: again }));
      });
      const strip = ({ restarts: _restarts, ...rest }: DiffReport): unknown => rest;
      expect(strip(broken.report(7, false))).toEqual(strip(straight.report(7, false)));
    }),
  );
});

test('each answer that was compared is the same, differs, or differs only by noise', () => {
  const tally = new DiffTally(subject, 0);
  let same = 0;
  for (let i = 0; i < 300; i++) {
    const [live, idle] = [i % 3, i % 2];
    if (live === idle) same++;
    compare(tally, answer({ v: live }), answer({ v: idle }), () => answer({ v: live }));
  }
  const [route] = tally.report(1, false).routes;
  if (!route) throw new Error('no route');
  const { differing, noisy } = judgeRoute(route);
  expect(same + differing + noisy).toBe(route.compared);
});
