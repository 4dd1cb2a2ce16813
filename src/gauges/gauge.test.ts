import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer, Question } from '../ports/gauge.ts';
import { createGauge } from './index.ts';

let directory: string;
let server: Bun.Server<undefined>;
/** What the server answers next, and what it was asked. */
let answer: (request: Request) => Response | Promise<Response>;
let asked: { path: string; authorization: string | null; form: URLSearchParams }[];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cutover gauge '));
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const form = new URLSearchParams(await request.text());
      asked.push({ path: pathname + search, authorization: request.headers.get('authorization'), form });
      return answer(request);
    },
  });
});
afterAll(async () => {
  await server.stop(true);
  rmSync(directory, { recursive: true });
});

const ask = (question: Question, signal = new AbortController().signal): Promise<Answer> => {
  asked = [];
  return createGauge().ask(question, signal);
};
const prometheus = (more: Partial<Question & { kind: 'prometheus' }> = {}): Question => ({
  kind: 'prometheus',
  url: `http://127.0.0.1:${server.port}/prom/`,
  query: 'sum(up{c="green"})',
  tokenFile: null,
  timeoutMs: 5000,
  ...more,
});
const http = (more: Partial<Question & { kind: 'http' }> = {}): Question => ({
  kind: 'http',
  url: `http://127.0.0.1:${server.port}/score?key=secret`,
  headers: {},
  json: null,
  tokenFile: null,
  wants: 'number',
  timeoutMs: 5000,
  ...more,
});
const success = (data: object): void => {
  answer = () => Response.json({ status: 'success', data });
};

test('a sample or a scalar of Prometheus is the number, and the token of the file is sent', async () => {
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, 'abc.def\n');
  success({ resultType: 'vector', result: [{ metric: { a: 'b' }, value: [1435781451.781, '0.25'] }] });
  expect(await ask(prometheus({ tokenFile }))).toEqual({ kind: 'number', value: 0.25 });
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({ path: '/prom/api/v1/query', authorization: 'Bearer abc.def' });
  expect(asked[0]!.form.get('query')).toBe('sum(up{c="green"})');
  success({ resultType: 'scalar', result: [1, '1e3'] });
  expect(await ask(prometheus())).toEqual({ kind: 'number', value: 1000 });
});

test('what is no number is no answer, and it is said why', async () => {
  const why = async (): Promise<string> => {
    const said = await ask(prometheus());
    if (said.kind !== 'away') throw new Error(`expected no answer, found ${JSON.stringify(said)}`);
    return said.why;
  };
  success({ resultType: 'vector', result: [] });
  expect(await why()).toContain('expected one sample, found none');
  success({ resultType: 'vector', result: [{ value: [1, '1'] }, { value: [1, '2'] }] });
  expect(await why()).toContain('found 2; aggregate them');
  success({ resultType: 'vector', result: [{ value: [1, 'NaN'] }] });
  expect(await why()).toContain('expected a number, found NaN');
  success({ resultType: 'vector', result: [{ histogram: [1, {}] }] });
  expect(await why()).toContain('found a histogram');
  success({ resultType: 'matrix', result: [] });
  expect(await why()).toContain('found a matrix');
  answer = () =>
    Response.json({ status: 'error', errorType: 'bad_data', error: 'parse\nerror' }, { status: 400 });
  expect(await why()).toContain('bad_data: parse error');
  answer = () => new Response('<html>', { status: 502 });
  expect(await why()).toContain('expected an answer of Prometheus, found one with status 502');
  answer = () => new Response('x'.repeat(2_000_000));
  expect(await why()).toContain('found more');
  answer = () => new Response(null, { status: 302, headers: { location: 'http://127.0.0.1:1/' } });
  expect(await why()).toContain('status 302');
});

test('a source that is away, slow or not asked any more is no answer, in time', async () => {
  answer = () => new Promise<Response>(() => undefined);
  expect(await ask(prometheus({ timeoutMs: 50 }))).toMatchObject({ kind: 'away' });
  const over = new AbortController();
  const asking = ask(prometheus(), over.signal);
  over.abort();
  expect(await asking).toMatchObject({ kind: 'away' });
  expect(await ask(prometheus({ url: 'http://127.0.0.1:1' }))).toMatchObject({ kind: 'away' });
  const missing = await ask(prometheus({ tokenFile: join(directory, 'none') }));
  expect(missing).toMatchObject({ kind: 'away' });
  expect(JSON.stringify(missing)).toContain('ENOENT');
});

test('an HTTP server says a number, by its body or by a place in it, or a verdict', async () => {
  answer = () => new Response(' 0.5\n');
  expect(await ask(http())).toEqual({ kind: 'number', value: 0.5 });
  answer = () => Response.json({ a: [{ b: 7 }] });
  expect(await ask(http({ json: '$.a[0].b' }))).toEqual({ kind: 'number', value: 7 });
  expect(await ask(http({ json: '$.a[1].b' }))).toMatchObject({ kind: 'away' });
  answer = () => Response.json({ good: false });
  expect(await ask(http({ json: '$.good', wants: 'verdict' }))).toMatchObject({ kind: 'verdict', ok: false });
  for (const [status, kind] of [
    [204, true],
    [404, false],
    [503, null],
  ] as const) {
    answer = () => new Response(null, { status });
    expect(await ask(http({ wants: 'verdict' }))).toMatchObject(
      kind === null ? { kind: 'away' } : { kind: 'verdict', ok: kind },
    );
  }
});

test('what stands in the query of a URL is in no message', async () => {
  answer = () => new Response('no number');
  expect(JSON.stringify(await ask(http()))).not.toContain('secret');
});
