import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// A checkout in a path with a space, and an npm that "installs" a Bun which is a shell script telling how it was called.
let base: string;
let root: string;
let npm: string;

const node = Bun.which('node');
const arch = process.arch === 'arm64' ? 'aarch64' : 'x64';
const bunPackage = (libc: string): string => `node_modules/@oven/bun-${process.platform}-${arch}${libc}`;
const glibc = process.platform !== 'linux' || !existsSync('/etc/alpine-release');
const fitting = bunPackage(glibc ? '' : '-musl');
const foreign = bunPackage(glibc ? '-musl' : '');

/** What the stand-in for npm does; `bun` is the text of the Bun that it installs. */
const npmText = (packages: readonly string[], bun: string, exit = 0): string => `
const fs = require('node:fs');
fs.appendFileSync(${JSON.stringify(join(base, 'npm-calls'))}, process.pid + ' ' + process.argv.slice(2).join(' ') + '\\n');
const lock = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
delete lock.packages[''];
fs.rmSync('node_modules', { recursive: true, force: true });
if (${exit} !== 0) { console.log('npm error: the registry is down'); process.exit(${exit}); }
for (const path of Object.keys(lock.packages)) if (!${JSON.stringify(packages)}.includes(path)) delete lock.packages[path];
for (const path of ${JSON.stringify(packages)}) {
  fs.mkdirSync(path + '/bin', { recursive: true });
  fs.writeFileSync(path + '/bin/bun', ${JSON.stringify(bun)}, { mode: 0o755 });
}
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify(lock));
`;
const tellingBun = '#!/bin/sh\nfor word in "$@"; do echo "<$word>"; done\n';

function writeLock(version: string): void {
  const packages = Object.fromEntries(
    [fitting, foreign].map((path) => [path, { version, integrity: `sha512-${version}`, optional: true }]),
  );
  writeFileSync(
    join(root, 'package-lock.json'),
    JSON.stringify({ packages: { '': { name: 'x' }, ...packages } }),
  );
}

function start(args: readonly string[], env: Record<string, string> = {}) {
  if (node === null) throw new Error('node is needed to run scripts/run.mjs');
  return Bun.spawn([node, join(root, 'scripts', 'run.mjs'), ...args], {
    cwd: base,
    env: { PATH: process.env['PATH'] ?? '', HOME: join(base, 'home'), npm_execpath: npm, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
}

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const child = start(args, env);
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return { out, err, code: child.exitCode, signal: child.signalCode };
}

const npmCalls = (): string[] => {
  const path = join(base, 'npm-calls');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
};

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'cutover run '));
  root = join(base, 'the checkout');
  npm = join(base, 'npm-cli.js');
  mkdirSync(join(root, 'scripts'), { recursive: true });
  mkdirSync(join(base, 'home'));
  cpSync(join(import.meta.dirname, 'run.mjs'), join(root, 'scripts', 'run.mjs'));
  writeLock('1.0.0');
  writeFileSync(npm, npmText([fitting], tellingBun));
});
afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

describe('set-up', () => {
  test('installs once without running install scripts, then runs the script of the checkout with its arguments', async () => {
    const first = await run(['scripts/a.ts', 'two words', '--flag']);
    expect(first).toMatchObject({ code: 0, out: `<${join(root, 'scripts/a.ts')}>\n<two words>\n<--flag>\n` });
    const second = await run(['scripts/a.ts']);
    expect(second).toMatchObject({ code: 0, err: '' });
    expect(npmCalls()).toHaveLength(1);
    expect(npmCalls()[0]).toContain(' ci --ignore-scripts --include=dev --include=optional');
  });

  test('installs again when package-lock.json has changed', async () => {
    await run(['scripts/a.ts']);
    writeLock('2.0.0');
    await run(['scripts/a.ts']);
    expect(npmCalls()).toHaveLength(2);
  });

  test('installs again when an install was cut off before npm recorded it', async () => {
    await run(['scripts/a.ts']);
    rmSync(join(root, 'node_modules/.package-lock.json'));
    expect((await run(['scripts/a.ts'])).code).toBe(0);
    expect(npmCalls()).toHaveLength(2);
  });

  test('does not install through a link, which would empty what it points to; runs through it if all is there', async () => {
    await run(['scripts/a.ts']);
    const elsewhere = join(base, 'modules of another checkout');
    renameSync(join(root, 'node_modules'), elsewhere);
    symlinkSync(elsewhere, join(root, 'node_modules'));
    expect(await run(['scripts/a.ts'])).toMatchObject({ code: 0, err: '' });
    writeLock('2.0.0');
    const { code, err } = await run(['scripts/a.ts']);
    expect(code).toBe(1);
    expect(err).toContain('it is a symbolic link');
    expect(err).toContain('Remove the link and run this again');
    expect(npmCalls()).toHaveLength(1);
    expect(existsSync(join(elsewhere, '.package-lock.json'))).toBe(true);
    rmSync(join(root, 'node_modules'));
    expect((await run(['scripts/a.ts'])).code).toBe(0);
    expect(existsSync(join(elsewhere, '.package-lock.json'))).toBe(true);
  });

  test('of several runs at once one installs and the others wait for it', async () => {
    const runs = await Promise.all([1, 2, 3, 4].map((n) => run(['scripts/a.ts', String(n)])));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(npmCalls()).toHaveLength(1);
    expect(existsSync(join(root, '.cutover', 'setup.lock'))).toBe(false);
  });

  test('a lock whose owner is dead is taken over', async () => {
    const dead = Bun.spawn(['true']);
    await dead.exited;
    const lock = join(root, '.cutover', 'setup.lock');
    mkdirSync(lock, { recursive: true });
    writeFileSync(join(lock, 'owner'), `${(await import('node:os')).hostname()} ${dead.pid}\n`);
    expect((await run(['scripts/a.ts'])).code).toBe(0);
  });

  test('shows what npm said and what to do when it fails', async () => {
    writeFileSync(npm, npmText([], '', 3));
    const { code, err } = await run(['scripts/a.ts']);
    expect(code).toBe(1);
    expect(err).toContain('npm error: the registry is down');
    expect(err).toContain('npm ci ended with 3');
    expect(err).toContain('run this again');
  });

  test('says which package was expected when npm installed no Bun for this machine', async () => {
    writeFileSync(npm, npmText([foreign], tellingBun));
    const { code, err } = await run(['scripts/a.ts']);
    expect(code).toBe(1);
    expect(err).toContain(`expected one of ${fitting.split('/').at(-1)}`);
  });

  test('writes nothing into the home directory, and gives npm a cache in the checkout when the home one cannot be written', async () => {
    const cache = join(npm, 'below-a-file', '.npm');
    await run(['scripts/a.ts'], { npm_config_cache: cache });
    expect(npmCalls()[0]).toContain(`--cache=${join(root, '.cutover', 'npm-cache')}`);
    expect(readdirSync(join(base, 'home'))).toEqual([]);
  });
});

describe('running', () => {
  test('ends with the exit code of the script', async () => {
    writeFileSync(npm, npmText([fitting], '#!/bin/sh\nexit 42\n'));
    expect((await run(['scripts/a.ts'])).code).toBe(42);
  });

  test('ends by the signal that ended the script', async () => {
    writeFileSync(npm, npmText([fitting], '#!/bin/sh\nkill -KILL $$\n'));
    expect((await run(['scripts/a.ts'])).signal).toBe('SIGKILL');
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    test(`passes ${signal} on and waits for the script to end`, async () => {
      const name = signal.slice(3);
      writeFileSync(
        npm,
        npmText(
          [fitting],
          `#!/bin/sh\ntrap 'echo got ${name}; exit 9' ${name}\necho ready\nwhile :; do sleep 0.02; done\n`,
        ),
      );
      const child = start(['scripts/a.ts']);
      let out = '';
      for await (const chunk of child.stdout) {
        out += Buffer.from(chunk).toString();
        if (out === 'ready\n') child.kill(signal);
      }
      await child.exited;
      expect({ out, code: child.exitCode }).toEqual({ out: `ready\ngot ${name}\n`, code: 9 });
    });
  }
});
