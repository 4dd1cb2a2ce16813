import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CutoverError } from '../core/errors.ts';
import { loadSpec } from './load.ts';

const good =
  'service: shop\nrouter: { listen: ":8080" }\nenvironments: { layers: { web: { command: [node, server.js] } } }\n';
const value = `{ service: 'shop', router: { listen: ':8080' }, environments: { layers: { web: { command: ['x'] } } } }`;

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'cutover load '))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string | Uint8Array): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

async function refusal(path: string): Promise<CutoverError> {
  try {
    await loadSpec(path);
  } catch (error) {
    if (error instanceof CutoverError) return error;
    throw error;
  }
  throw new Error('expected a refusal');
}

test('finds the spec in a folder by its name, and says where it was', async () => {
  const file = write('cutover.yml', good);
  expect(await loadSpec(folder)).toMatchObject({
    file,
    base: folder,
    input: { service: 'shop', router: { listen: ':8080' } },
    spec: { service: 'shop', router: { listen: { host: '0.0.0.0', port: 8080 } }, keep: 3_600_000 },
  });
});

test('takes a file of any name', async () => {
  expect((await loadSpec(write('other.yaml', good))).spec.service).toBe('shop');
});

test('a folder without a spec is told what was expected and how to get one', async () => {
  const error = await refusal(folder);
  expect(error.code).toBe('spec-not-found');
  expect(error.message).toBe(
    `expected cutover.yaml, cutover.yml or cutover.config.ts in ${folder}, found none`,
  );
  expect(error.next).toContain('cutover init');
});

test('a file that is absent is named', async () => {
  const error = await refusal(join(folder, 'none.yaml'));
  expect(error).toMatchObject({
    code: 'spec-not-found',
    message: `expected a spec at ${join(folder, 'none.yaml')}, found nothing`,
  });
});

test('two specs in one folder are refused', async () => {
  write('cutover.yaml', good);
  write('cutover.config.ts', `export default ${value}`);
  expect((await refusal(folder)).message).toBe(
    `${folder}: expected one spec, found cutover.yaml and cutover.config.ts`,
  );
});

test('all problems are in the detail, one line each, with the file as an editor finds it', async () => {
  const file = write('cutover.yaml', good.replace('shop', 'My Shop').replace(':8080', 'x'));
  const error = await refusal(folder);
  expect(error).toMatchObject({
    code: 'spec-invalid',
    message: `${file}: expected a spec, found 2 problems`,
  });
  expect(error.detail.problems).toEqual([
    expect.stringMatching(/cutover\.yaml:1:10: service: expected a name/),
    expect.stringMatching(/cutover\.yaml:2:19: router\.listen: expected an address/),
  ]);
});

test('a single problem is the message itself', async () => {
  write('cutover.yaml', good.replace('shop', 'My Shop'));
  expect((await refusal(folder)).message).toMatch(
    /cutover\.yaml:1:10: service: expected a name .*, found "My Shop"$/,
  );
});

test('a thousand problems are cut short', async () => {
  write('cutover.yaml', good + Array.from({ length: 1000 }, (_, key) => `k${key}: 1\n`).join(''));
  expect((await refusal(folder)).detail.problems).toHaveLength(51);
});

test('bytes that are no UTF-8 are refused', async () => {
  write('cutover.yaml', new Uint8Array([0x73, 0xff, 0xfe]));
  expect((await refusal(folder)).message).toContain('expected text in UTF-8');
});

test('a byte order mark is no problem', async () => {
  write('cutover.yaml', `\ufeff${good}`);
  expect((await loadSpec(folder)).spec.service).toBe('shop');
});

test('a folder where the file should be is refused, with its cause', async () => {
  mkdirSync(join(folder, 'cutover.yaml'));
  const error = await refusal(folder);
  expect(error.code).toBe('io-failed');
  expect(error.cause).toBeInstanceOf(Error);
});

for (const [what, text] of [
  ['an object', `export default ${value}`],
  ['a function', `export default () => (${value})`],
  ['an async function', `export default async () => (${value})`],
  [
    'defineConfig',
    `import { defineConfig } from 'cutover/config';\nexport default defineConfig(${value} as const)`,
  ],
] as const) {
  test(`cutover.config.ts may export ${what}`, async () => {
    write('cutover.config.ts', text);
    expect((await loadSpec(folder)).spec.service).toBe('shop');
  });
}

for (const [what, text, said] of [
  [
    'no default export',
    'export const a = 1;',
    'expected a default export: a spec, or a function that returns one',
  ],
  ['a syntax error', 'export default {', 'expected a module that loads, found '],
  [
    'an import that is absent',
    `import './absent.ts';\nexport default {}`,
    'expected a module that loads, found ',
  ],
  ['a throw', `throw new Error('at load')`, 'expected a module that loads, found Error: at load'],
  [
    'a function that throws',
    `export default () => { throw new Error('in it'); }`,
    'expected a function that returns a spec, found Error: in it',
  ],
  ['a function that returns nothing', 'export default () => {}', 'expected a map'],
  ['a wrong value', `export default { ...${value}, keep: 1 }`, 'keep: expected a duration such as'],
] as const) {
  test(`cutover.config.ts with ${what} is refused by its name`, async () => {
    const file = write('cutover.config.ts', text);
    const error = await refusal(folder);
    expect(error.code).toBe('spec-invalid');
    expect(error.message).toStartWith(`${file}: ${said}`);
    expect(error.message).not.toContain('\n');
  });
}

test('cutover.config.ts that has been changed is read anew', async () => {
  write('cutover.config.ts', `export default ${value}`);
  expect((await loadSpec(folder)).spec.service).toBe('shop');
  write('cutover.config.ts', `export default ${value.replace('shop', 'store')}`);
  expect((await loadSpec(folder)).spec.service).toBe('store');
});
