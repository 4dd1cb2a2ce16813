import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

// A small project with the configuration of this one, in a path with a space, in which faults are planted.
const here = dirname(import.meta.dirname);
let root: string;

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

async function runTests(
  ...args: readonly string[]
): Promise<{ lines: string[]; last: string | undefined; code: number | null }> {
  const child = Bun.spawn([process.execPath, join(root, 'scripts/test.ts'), ...args], {
    cwd: tmpdir(),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const out = await child.stdout.text();
  await child.exited;
  const lines = out.trimEnd().split('\n');
  return { lines, last: lines.at(-1), code: child.exitCode };
}

const good = "import { expect, test } from 'bun:test';\ntest('holds', () => {\n  expect(1).toBe(1);\n});\n";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cutover test '));
  for (const file of [
    'package.json',
    'tsconfig.json',
    'eslint.config.js',
    '.dependency-cruiser.cjs',
    '.prettierrc.json',
    '.prettierignore',
  ]) {
    cpSync(join(here, file), join(root, file));
  }
  for (const file of ['test.ts', 'junit.ts', 'stray-processes.ts'])
    cpSync(join(here, 'scripts', file), join(root, 'scripts', file));
  symlinkSync(join(here, 'node_modules'), join(root, 'node_modules'));
  // The formatter has its own opinion of configuration that is not under test here.
  writeFileSync(join(root, '.prettierignore'), '*.js\n*.cjs\n*.json\nscripts\nnode_modules\n');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the static stages', () => {
  test('a sound project passes, each stage counting as one test', async () => {
    write({ 'src/core/a.ts': 'export const a = 1;\n', 'src/core/a.test.ts': good });
    expect(await runTests()).toMatchObject({ last: '5 passed, 0 failed', code: 0 });
  }, 60_000);

  test('a type error, a floating promise, a cycle, an import outward and a wrong format are each found', async () => {
    write({
      'src/core/a.ts': "import { b } from './b.ts';\nexport const a = (): number => b();\n",
      'src/core/b.ts': "import { a } from './a.ts';\nexport const b = (): number => a();\n",
      'src/core/clock.ts': "import { readFileSync } from 'node:fs';\nexport const read = readFileSync;\n",
      'src/core/outward.ts': "import { x } from '../engine/x.ts';\nexport const y = x;\n",
      'src/engine/x.ts': "export const x: number = 'text';\n",
      'src/engine/floating.ts': 'export function go(): void {\n  Promise.resolve(1);\n}\n',
      'src/engine/format.ts': 'export const f   = 1\n',
      'src/core/a.test.ts': good,
    });
    const { lines, last, code } = await runTests();
    expect({ last, code }).toEqual({ last: '1 passed, 4 failed', code: 1 });
    const text = lines.join('\n');
    for (const found of [
      'src/engine/x.ts(1,14): error TS2322',
      '@typescript-eslint/no-floating-promises',
      'no-cycles: src/core/',
      'core-is-pure: src/core/clock.ts → fs',
      'core-is-pure: src/core/outward.ts → src/engine/x.ts',
      '[warn] src/engine/format.ts',
    ]) {
      // Colours: some tools take a continuous integration for a terminal.
      expect(Bun.stripANSI(text)).toContain(found);
    }
  }, 60_000);
});

describe('the test files', () => {
  const cases: readonly (readonly [string, string, string, number, RegExp])[] = [
    [
      'a failed test',
      "import { expect, test } from 'bun:test';\ntest('a', () => expect(1).toBe(2));\n",
      '0 passed, 1 failed',
      1,
      /Expected: 2/,
    ],
    ['an error while loading', `${good}throw new Error('at load');\n`, '0 passed, 1 failed', 1, /at load/],
    [
      'a test that ends the process with success',
      `${good}test('exit', () => process.exit(0));\n`,
      '0 passed, 1 failed',
      1,
      /no test ran/,
    ],
    [
      'a test that kills the process',
      `${good}test('kill', () => process.kill(process.pid, 'SIGKILL'));\n`,
      '0 passed, 1 failed',
      1,
      /was killed/,
    ],
    ['a file without a test', 'export {};\n', '0 passed, 1 failed', 1, /no test ran/],
    [
      'a skipped test',
      `${good}test.skip('needs nginx', () => {});\n`,
      '1 passed, 0 failed, 1 skipped',
      0,
      /skipped: src\/x\.test\.ts: needs nginx/,
    ],
    [
      'a process that is left behind',
      `${good}test('leaves', () => Bun.spawn(['sleep', '3600'], { stdio: ['ignore', 'inherit', 'inherit'] }).unref());\n`,
      '2 passed, 1 failed',
      1,
      /left a process behind: sleep 3600/,
    ],
  ];
  for (const [what, text, last, code, shown] of cases) {
    test(`${what}: ${last}`, async () => {
      write({ 'src/x.test.ts': text });
      const result = await runTests('src/x');
      expect({ last: result.last, code: result.code }).toEqual({ last, code });
      expect(result.lines.join('\n')).toMatch(shown);
    }, 20_000);
  }

  test('skips count as failures where none are allowed', async () => {
    write({ 'src/x.test.ts': `${good}test.skip('needs nginx', () => {});\n` });
    expect(await runTests('--no-skips', 'src/x')).toMatchObject({ last: '1 passed, 1 failed', code: 1 });
  });

  test('a filter runs only the files that it names', async () => {
    write({ 'src/one.test.ts': good, 'src/two.test.ts': "throw new Error('not to be run');\n" });
    expect(await runTests('one')).toMatchObject({ last: '1 passed, 0 failed', code: 0 });
  });

  test('a filter that names no file is a failure', async () => {
    expect(await runTests('nothing-like-this')).toMatchObject({ last: '0 passed, 1 failed', code: 1 });
  });
});
