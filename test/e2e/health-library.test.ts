import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildHealth } from '../../scripts/build-health.ts';
import { runCli } from '../../src/cli/testing/run-cli.ts';
import { freePort, until } from './house.ts';

const root = join(import.meta.dir, '../..');
const page = readFileSync(join(root, 'docs/health-protocol.md'), 'utf8');
const blocks = (info: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${info}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, text]) => text ?? '');

/** A program as a page shows it, and how it is run. */
interface Shown {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly argv: readonly string[];
}
const titled = (text: string): string =>
  /from '(node:http|express|fastify|hono)'/.exec(text)?.[1] ??
  (text.includes('Bun.serve') ? 'Bun.serve' : '?');
const node = Bun.which('node');
const python = Bun.which('python3');
const shown: readonly Shown[] = [
  ...blocks('js').flatMap((text) => [
    { name: `${titled(text)} on Node.js`, file: 'main.mjs', text, argv: [node ?? ''] },
    { name: `${titled(text)} on Bun`, file: 'main.mjs', text, argv: [process.execPath] },
  ]),
  ...blocks('js bun').map((text) => ({
    name: `${titled(text)} on Bun`,
    file: 'main.mjs',
    text,
    argv: [process.execPath],
  })),
  ...blocks('python').map((text) => ({ name: 'Python', file: 'main.py', text, argv: [python ?? ''] })),
];

let folder: string;
beforeAll(async () => {
  // A program of somebody else, which has the library as a package.
  folder = mkdtempSync(join(tmpdir(), 'cutover library '));
  const packages = join(folder, 'node_modules');
  mkdirSync(join(packages, 'cutover'), { recursive: true });
  cpSync(join(root, 'package.json'), join(packages, 'cutover/package.json'));
  mkdirSync(join(packages, 'cutover/src'));
  cpSync(join(root, 'src/health'), join(packages, 'cutover/src/health'), { recursive: true });
  await buildHealth(join(packages, 'cutover/dist/health'));
  for (const name of ['express', 'fastify', 'hono', 'typescript', '@types'])
    symlinkSync(join(root, 'node_modules', name), join(packages, name));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the page shows all servers that the library is for, and a program without it', () => {
  expect(shown.map(({ name }) => name)).toEqual([
    ...['node:http on Node.js', 'node:http on Bun', 'express on Node.js', 'express on Bun'],
    ...['fastify on Node.js', 'fastify on Bun', 'hono on Bun', 'Bun.serve on Bun', 'Python'],
  ]);
});

describe.each(shown)('the program of the page: $name', ({ file, text, argv }) => {
  const [runtime] = argv;
  test.skipIf(runtime === '')('keeps to the protocol, and to its role over kill -9', async () => {
    const own = mkdtempSync(join(folder, 'program '));
    writeFileSync(join(own, file), text);
    const port = await freePort();
    const start = async (): Promise<Bun.Subprocess> => {
      const child = Bun.spawn([...argv, join(own, file)], {
        cwd: own,
        env: { ...process.env, PORT: String(port) },
        stdio: ['ignore', 'ignore', 'ignore'],
      });
      await until('the program answers', async () => {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
        return fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
      });
      return child;
    };
    const status = async (path: string): Promise<number> =>
      (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    let child = await start();
    try {
      const checked = await runCli(['agent', 'check', `http://127.0.0.1:${port}`, '--enable'], { cwd: own });
      expect([checked.exit, checked.stdout]).toEqual([0, expect.stringContaining('all is well') as string]);
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toStartWith('hello');
      await fetch(`http://127.0.0.1:${port}/enable/standby`, { method: 'POST' });
      child.kill('SIGKILL');
      await child.exited;
      child = await start();
      expect([await status('/live'), await status('/standby')]).toEqual([500, 200]);
    } finally {
      child.kill('SIGKILL');
      await child.exited;
    }
  });
});

test('its types fit those of the servers, also where a program is compiled with the JavaScript of the library', async () => {
  const own = mkdtempSync(join(folder, 'typed '));
  writeFileSync(join(own, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(own, 'main.ts'),
    `import { createServer } from 'node:http';
import express from 'express';
import { createHealth, type Role } from 'cutover/health';
const health = createHealth({ file: 'role.json', healthy: async () => true });
express().use(health.express);
createServer((request, response) => { if (!health.node(request, response)) response.end(); });
const role: Role = health.role();
// @ts-expect-error: no role of this name
health.enable('both');
export { role };
`,
  );
  const compiler = Bun.spawn(
    [
      ...[process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict'],
      ...[
        '--skipLibCheck',
        '--module',
        'nodenext',
        '--target',
        'es2023',
        '--types',
        'node',
        join(own, 'main.ts'),
      ],
    ],
    { cwd: own, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  expect(await compiler.stdout.text()).toBe('');
  expect(await compiler.exited).toBe(0);
});
