// `npm run build`: dist/cutover, one executable file that holds the whole tool and its runtime, and dist/health, the library for programs
// that answer balancers themselves.
//
//   npm run build -- [--entry FILE] [--out FILE]
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildHealth } from './build-health.ts';

const root = dirname(import.meta.dirname);
const wholeTool = 'src/cli/main.ts';
const { values } = parseArgs({
  options: {
    entry: { type: 'string', default: wholeTool },
    out: { type: 'string', default: 'dist/cutover' },
  },
});
const out = resolve(root, values.out);
const started = performance.now();
mkdirSync(dirname(out), { recursive: true });
// Built beside and renamed: a controller that runs the old file keeps it, and a build that fails leaves the old file there.
const workshop = mkdtempSync(join(dirname(out), '.build-'));
const fresh = join(workshop, basename(out));
try {
  const built = await Bun.build({
    entrypoints: [resolve(root, values.entry)],
    target: 'bun',
    format: 'esm',
    // Native parts of ssh2, which does without.
    external: ['cpu-features', '*.node'],
    minify: { syntax: true, whitespace: true, identifiers: false },
    // Inside the file, so that stack traces name our files and lines.
    sourcemap: 'inline',
    // Start-up of a small command: 20 ms with it, 40 ms without (two cores, Bun 1.4.5).
    bytecode: true,
    compile: {
      outfile: fresh,
      // A folder in which somebody deploys may hold a .env or bunfig.toml of theirs; it is no business of ours.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
  });
  for (const log of built.logs) console.error(String(log));
  renameSync(fresh, out);
} finally {
  rmSync(workshop, { recursive: true, force: true });
}
if (values.entry === wholeTool) await buildHealth(join(dirname(out), 'health'));
const megabytes = (statSync(out).size / 1e6).toFixed(1);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`${relative(root, out)}: ${megabytes} MB, built in ${seconds}s`);
