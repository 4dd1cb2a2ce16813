import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'cutover build '))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(...argv: readonly string[]): Promise<{ out: string; err: string; code: number | null }> {
  const child = Bun.spawn([...argv], { cwd: folder, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return { out, err, code: child.exitCode };
}
const build = (entry: string) =>
  run(
    process.execPath,
    join(import.meta.dirname, 'build.ts'),
    '--entry',
    join(folder, entry),
    '--out',
    join(folder, 'dist/tool'),
  );

test('makes one executable file, which takes no settings from the folder where it runs', async () => {
  writeFileSync(join(folder, '.env'), 'PLANTED=1\n');
  writeFileSync(join(folder, 'main.ts'), `console.log(process.argv.slice(2), process.env['PLANTED']);\n`);
  const { out, code } = await build('main.ts');
  expect(code).toBe(0);
  expect(out).toMatch(/dist\/tool: \d+\.\d MB, built in/);
  expect(readdirSync(join(folder, 'dist'))).toEqual(['tool']);
  expect((await run(join(folder, 'dist/tool'), 'a')).out).toBe('[ "a" ] undefined\n');
}, 30_000);

test('an error in it names the file and the line of the source', async () => {
  writeFileSync(join(folder, 'main.ts'), `\n\nthrow new Error('planted');\n`);
  await build('main.ts');
  expect((await run(join(folder, 'dist/tool'))).err).toContain('main.ts:3');
}, 30_000);

test('a build that fails leaves the old file as it was', async () => {
  mkdirSync(join(folder, 'dist'));
  writeFileSync(join(folder, 'dist/tool'), 'old');
  writeFileSync(join(folder, 'main.ts'), `import './absent.ts';\n`);
  expect((await build('main.ts')).code).not.toBe(0);
  expect(readdirSync(join(folder, 'dist'))).toEqual(['tool']);
  expect(await Bun.file(join(folder, 'dist/tool')).text()).toBe('old');
}, 30_000);
