// The library `cutover/health` as JavaScript with types, for programs that run on Node.js: `bun scripts/build-health.ts [FOLDER]`.
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = dirname(import.meta.dirname);

/** Builds it beside the folder and puts it in its place; throws with what the compiler says. */
export async function buildHealth(folder: string): Promise<void> {
  mkdirSync(dirname(folder), { recursive: true });
  const workshop = mkdtempSync(join(dirname(folder), '.build-'));
  try {
    const compiler = Bun.spawn(
      [
        ...[process.execPath, join(root, 'node_modules/typescript/bin/tsc')],
        ...['-p', join(root, 'src/health/tsconfig.build.json'), '--outDir', join(workshop, 'health')],
      ],
      { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const said = await compiler.stdout.text();
    if ((await compiler.exited) !== 0) throw new Error(`src/health cannot be compiled:\n${said}`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(workshop, 'health'), folder);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const folder = resolve(root, process.argv[2] ?? 'dist/health');
  await buildHealth(folder);
  console.log(`${folder}: built`);
}
