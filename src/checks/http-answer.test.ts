import { afterEach, describe, expect, test } from 'bun:test';
import { tmpdir } from 'node:os';
import { systemClock } from '../clocks/system.ts';
import { Check } from '../core/spec/check.ts';
import { createChecker } from './index.ts';

const checker = createChecker({ clock: systemClock });
let server: Bun.Server<undefined> | null = null;
afterEach(async () => {
  await server?.stop(true);
  server = null;
});

async function found(
  http: Record<string, unknown>,
  answer: () => Response | Promise<Response>,
): Promise<string> {
  server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer });
  const address = { host: '127.0.0.1', port: server.port ?? 0 };
  const { ok, detail } = await checker.run(
    Check.parse({ http }),
    { address, variables: {}, directory: tmpdir() },
    5000,
  );
  return `${ok ? 'passes' : 'fails'}: ${detail}`;
}

const items = (): Response =>
  Response.json(
    { status: 'ok', items: [{ name: 'Mint', price: 4.5 }], total: 1 },
    { headers: { 'cache-control': 'public, max-age=60' } },
  );

describe('an answer', () => {
  test('passes if every header and every place in its JSON is as expected', async () => {
    const http = {
      responseHeaders: { 'Cache-Control': { contains: 'max-age' }, 'x-debug': { exists: false } },
      json: { '$.status': 'ok', '$.items[0].price': { min: 1, max: 10 }, '$.items': { length: 1 } },
      contains: 'Mint',
      within: '5s',
    };
    expect(await found(http, items)).toStartWith('passes: GET /: 200 after');
  });

  const cases: [name: string, http: Record<string, unknown>, says: string][] = [
    [
      'a header',
      { responseHeaders: { 'cache-control': 'no-store' } },
      'fails: GET /: header cache-control: expected "no-store", found "public, max-age=60"',
    ],
    [
      'a header that is not there',
      { responseHeaders: { etag: { exists: true } } },
      'fails: GET /: header etag: expected a value, found nothing',
    ],
    ['a place', { json: { '$.status': 'fine' } }, 'fails: GET /: $.status: expected "fine", found "ok"'],
    [
      'a place that is not there',
      { json: { '$.items[3].name': 'Mint' } },
      'fails: GET /: $.items[3].name: expected "Mint", found nothing',
    ],
  ];
  test.each(cases)('fails for %s', async (_, http, says) => {
    expect(await found(http, items)).toBe(says);
  });

  test('fails if it is no JSON, whatever it says of itself', async () => {
    const page = (): Response => new Response('<html>', { headers: { 'content-type': 'application/json' } });
    expect(await found({ json: { $: { exists: true } } }, page)).toStartWith(
      'fails: GET /: expected a JSON body, found 6 bytes that are none',
    );
  });

  test('fails if it comes too late, though it is right', async () => {
    const late = async (): Promise<Response> => {
      await systemClock.sleep(60);
      return items();
    };
    expect(await found({ within: '20ms' }, late)).toMatch(
      /^fails: GET \/: expected the whole answer within 20ms, found \d/,
    );
  });
});
