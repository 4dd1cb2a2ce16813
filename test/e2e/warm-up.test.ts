import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SpecInput } from '../../src/core/spec.ts';
import { Receipt } from '../../src/core/receipt.ts';
import { House } from './house.ts';

setDefaultTimeout(60_000);

/** Slow at first: each of its first 60 requests takes as long as 30 ms, less and less. `/broken` is never well. */
const program = `
let served = 0;
require('node:http').createServer((request, response) => {
  if (request.url === '/broken') return response.writeHead(500).end();
  if (request.url === '/served') return response.end(String(served));
  const left = 60 - served++;
  setTimeout(() => response.end('fine'), Math.max(0, left / 2));
}).listen(Number(process.env.PORT), process.env.HOST);
`;

let house: House;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutover slow program '));
  writeFileSync(join(folder, 'server.js'), program);
  house = await House.open();
});
afterAll(async () => {
  await house.close();
  rmSync(folder, { recursive: true, force: true });
});

const withWarmUp =
  (warmUp: SpecInput['warmUp']) =>
  (spec: SpecInput): SpecInput => {
    const web = { command: ['node', 'server.js'], instances: 2, health: { tcp: true } as const };
    return { ...spec, checks: [], environments: { layers: { web } }, warmUp };
  };

test('every instance of a new release has settled before it gets a request of a user, and the receipt says so', async () => {
  const view = await house.deployed(folder, withWarmUp({ leastRequests: 80, required: true, atMost: '30s' }));
  expect(view).toMatchObject({ status: 'succeeded', failure: null });
  const kinds = view.steps.map(({ kind }) => kind);
  expect(kinds.slice(kinds.indexOf('health'), kinds.indexOf('switch'))).toEqual(['health', 'warm', 'verify']);
  const says = view.steps.find(({ kind }) => kind === 'warm')?.says;
  expect(says).toMatch(/^2 instances settled at p50 \S+ after \d+ requests \(first: \S+\)$/);
  const { warmUp } = Receipt.parse(view.receipt);
  expect(warmUp).toMatchObject({ instances: 2, settled: 2, failed: 0 });
  expect(warmUp?.firstMs).toBeGreaterThan(warmUp?.p50Ms ?? Infinity);
  for (let instance = 0; instance < 2; instance++) {
    const served = await fetch(`http://127.0.0.1:${house.listen.port}/served`).then((answer) =>
      answer.text(),
    );
    expect(Number(served)).toBeGreaterThanOrEqual(80);
  }
});

test('a release whose paths fail is not switched to where failures are limited, and the failures are told', async () => {
  const view = await house.deployed(folder, withWarmUp({ paths: ['/', '/broken'], errors: '1%' }));
  expect(view).toMatchObject({ status: 'undone', failure: { code: 'warm-up-failed' } });
  expect(view.failure?.message).toContain('expected at most 1% of its requests to fail');
  expect(view.failure?.detail?.output?.join()).toContain('status 500 for /broken');
});

test('one that does not settle goes live all the same if it need not, and that is told', async () => {
  const view = await house.deployed(folder, withWarmUp({ paths: ['/broken'], atMost: '1s' }));
  expect(view.status).toBe('succeeded');
  const says = view.steps.find(({ kind }) => kind === 'warm')?.says;
  expect(says).toMatch(
    /^not settled \(2 of 2 instances\) within \S+, goes on at p50 – after \d+ requests .*, \d+ failed$/,
  );
});
