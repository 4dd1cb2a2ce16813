import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sealed } from '../core/receipt-chain.ts';
import type { Receipt } from '../core/receipt.ts';
import { sha256 } from '../engine/sha256.ts';
import { FakeController } from './testing/fake-controller.ts';
import { runCli, type Ran } from './testing/run-cli.ts';
import { receipt, status, succeeded } from './testing/views.ts';

// Each test starts processes; on a busy machine that takes its time.
setDefaultTimeout(30_000);

const { previous: _previous, hash: _hash, ...draft } = receipt;
const chain: Receipt[] = [];
for (let n = 1; n <= 3; n++)
  chain.push(sealed({ ...draft, deployment: n, version: `v${n}` }, chain.at(-1)?.hash ?? null, sha256));
const head = chain.at(-1)?.hash ?? '';
const lines = chain.map((each) => JSON.stringify(each));

let controller: FakeController;
beforeAll(() => {
  controller = new FakeController(undefined, {
    'GET /v1/status': { json: status() },
    'GET /v1/services/shop/receipts': { json: chain },
    'GET /v1/services/shop/deployments/2': { json: succeeded() },
  });
  mkdirSync(controller.home);
  controller.up();
});
afterAll(() => controller.end());

const run = (...words: string[]): Promise<Ran> =>
  runCli(['receipt', ...words], { cwd: controller.folder, env: { CUTOVER_HOME: controller.home } });

/** The same without any controller. */
const away = (...words: string[]): Promise<Ran> =>
  runCli(['receipt', ...words], {
    cwd: controller.folder,
    env: { CUTOVER_HOME: join(controller.folder, 'nobody') },
  });

function file(name: string, text: string | Uint8Array): string {
  writeFileSync(join(controller.folder, name), text);
  return name;
}

test('an export has all receipts, oldest first, and is verified where no controller is', async () => {
  const { exit, stdout } = await run('export', '--service', 'shop');
  expect(exit).toBe(0);
  expect(stdout.trimEnd().split('\n')).toEqual(lines);
  const verified = await away('verify', file('whole export.jsonl', stdout), '--head', head, '--json');
  expect(verified.stderr).toBe('');
  expect(JSON.parse(verified.stdout)).toEqual({ whole: true, receipts: 3, head });
});

test('those of a controller are verified in place', async () => {
  const { exit, stdout } = await run('verify', '--service', 'shop');
  expect(exit).toBe(0);
  expect(stdout).toContain('service shop: 3 receipts');
  expect(stdout).toContain(head);
});

describe('is found out:', () => {
  const cases: [name: string, text: string, words: string[], says: string][] = [
    [
      'a number that was changed',
      lines.join('\n').replace('"failed":0', '"failed":1'),
      [],
      'receipt of deployment 1',
    ],
    ['a receipt that was taken out', [lines[0], lines[2]].join('\n'), [], 'receipt of deployment 3'],
    ['the newest one gone', lines.slice(0, 2).join('\n'), ['--head', head], head],
    ['receipts of another service', lines.join('\n'), ['--service', 'other'], 'to be of service other'],
    ['nothing where something has to be', '', ['--head', head], 'found none'],
  ];
  test.each(cases)('%s', async (name, text, words, says) => {
    const { exit, stdout, stderr } = await away('verify', file(`${name}.jsonl`, text), ...words);
    expect({ exit, stdout }).toEqual({ exit: 8, stdout: '' });
    expect(stderr).toContain(says);
  });
});

describe('is no export, and is told so:', () => {
  const cases: [name: string, text: string | Uint8Array, says: string][] = [
    ['a text', 'hello', 'in line 1'],
    ['half a line', `${lines[0]}\n${lines[1]?.slice(0, 50)}`, 'in line 2'],
    ['a list', '[1]', 'in line 1'],
    ['bytes', new Uint8Array([0xff, 0xfe]), 'no UTF-8'],
  ];
  test.each(cases)('%s', async (name, text, says) => {
    const { exit, stderr } = await away('verify', file(`${name}.jsonl`, text));
    expect(exit).toBe(6);
    expect(stderr).toContain(says);
  });
  test('a file that is not there', async () => {
    const { exit, stderr } = await away('verify', 'nowhere.jsonl');
    expect(exit).toBe(6);
    expect(stderr).toContain('nowhere.jsonl');
  });
});

test('a receipt as a page is one whole HTML document', async () => {
  const { exit, stdout } = await run('2', '--html', '--service', 'shop');
  expect(exit).toBe(0);
  expect(stdout).toStartWith('<!doctype html>');
  expect(stdout.trimEnd()).toEndWith('</html>');
});

test.each([
  [['7', 'file']],
  [['export', 'file']],
  [['export', '--html']],
  [['2', '--head', head]],
  [['0']],
  [['all']],
])('%p is no way to ask', async (words) => {
  const { exit, stdout } = await run(...words);
  expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
});
