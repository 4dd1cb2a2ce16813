// `npm test`: type check, lint, direction of imports, format, then every test file in a process of its own. A file that ends its
// process, hangs, holds no test or leaves processes behind is a failure, also where the runner would call it a success. The
// last line is the count: `N passed, N failed`, each of the four static stages counting as one test.
//
//   npm test -- [--no-skips] [--jobs N] [FILTER …]
//
// With a FILTER only the test files whose path contains it run, without the static stages.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { readJunit } from './junit.ts';
import { strayProcesses } from './stray-processes.ts';

/** What one stage or one test file came to. */
interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
  readonly ms: number;
  /** What to show if it failed. */
  readonly output: string;
}

const root = dirname(import.meta.dirname);
const rooms = ['src', 'web', 'test', 'examples', 'bench', 'scripts'];
/** Longer than the slowest file on two cores; a file that takes longer hangs. */
const fileDeadlineMs = 15 * 60_000;
const testDeadlineMs = 60_000;
/** How long the processes of a test may take to end once the test has ended. */
const strayGraceMs = 2000;
/** Marks whatever is started by a test file, so that what it leaves behind is found. */
const mark = 'CUTOVER_TEST_FILE_RUN';

const modules = (path: string): string => join(root, 'node_modules', path);
const stages: readonly { readonly name: string; readonly argv: readonly string[] }[] = [
  { name: 'types', argv: [modules('typescript/bin/tsc'), '--noEmit', '-p', '.'] },
  { name: 'lint', argv: [modules('eslint/bin/eslint.js'), '.'] },
  {
    name: 'imports',
    argv: [
      modules('dependency-cruiser/bin/dependency-cruiser.mjs'),
      ...['--config', '.dependency-cruiser.cjs', '--output-type', 'err-long', ...rooms.filter(hasTypeScript)],
    ],
  },
  { name: 'format', argv: [modules('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'] },
];

const running = new Set<Bun.Subprocess>();
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => {
    for (const child of running) child.kill(signal);
    process.exit(code);
  });
}

function hasTypeScript(room: string): boolean {
  for (const _ of new Bun.Glob(`${room}/**/*.ts`).scanSync({ cwd: root })) return true;
  return false;
}

/** Runs Bun with the arguments to its end; the exit code is undefined if it was killed, also by the deadline. */
async function bun(
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number | undefined; output: string; ms: number }> {
  const started = performance.now();
  const child = Bun.spawn([process.execPath, ...argv], {
    cwd: root,
    env: { ...process.env, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: fileDeadlineMs,
    killSignal: 'SIGKILL',
  });
  running.add(child);
  // A process that the test left behind can hold the pipes open, so the end of the program counts, not that of its output.
  const chunks: Uint8Array[] = [];
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const chunk of stream) chunks.push(chunk);
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  await child.exited;
  await Promise.race([collected, Bun.sleep(500)]);
  running.delete(child);
  const code = child.signalCode === null ? (child.exitCode ?? undefined) : undefined;
  return { code, output: Buffer.concat(chunks).toString(), ms: performance.now() - started };
}

async function runStage({ name, argv }: (typeof stages)[number]): Promise<Outcome> {
  const { code, output, ms } = await bun(argv);
  const good = code === 0;
  return { name, passed: good ? 1 : 0, failed: good ? 0 : 1, skipped: [], ms, output };
}

async function runFile(name: string, reports: string): Promise<Outcome> {
  const report = join(reports, `${Bun.hash(name).toString(16)}.xml`);
  const id = crypto.randomUUID();
  // A test that hangs is found by its limit; one that is slow on a busy machine is no failure.
  const limit = `--timeout=${testDeadlineMs}`;
  const argv = ['test', limit, '--reporter=junit', `--reporter-outfile=${report}`, `./${name}`];
  const { code, output, ms } = await bun(argv, { [mark]: id });
  const counts = readReport(report) ?? { passed: 0, failed: 0, skipped: [] };
  const troubles: string[] = [];
  if (code === undefined) troubles.push('the runner was killed, or took longer than its deadline');
  else if (code !== 0 && counts.failed === 0)
    troubles.push(`the runner ended with ${code} and named no failed test`);
  else if (counts.passed + counts.failed + counts.skipped.length === 0)
    troubles.push('no test ran to its end');
  for (const stray of await endStrays(id)) troubles.push(`left a process behind: ${stray}`);
  return {
    name,
    passed: counts.passed,
    failed: counts.failed + troubles.length,
    skipped: counts.skipped,
    ms,
    output: [output, ...troubles.map((trouble) => `${name}: ${trouble}`)].join('\n'),
  };
}

function readReport(path: string): ReturnType<typeof readJunit> {
  try {
    return readJunit(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What the test file left running, after a grace; it is ended. */
async function endStrays(id: string): Promise<string[]> {
  const deadline = performance.now() + strayGraceMs;
  let strays = strayProcesses(mark, id);
  while (strays.length > 0 && performance.now() < deadline) {
    await Bun.sleep(50);
    strays = strayProcesses(mark, id);
  }
  for (const { pid } of strays) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
  return strays.map(({ pid, command }) => `${command} (${pid})`);
}

function show({ name, passed, failed, skipped, ms, output }: Outcome): void {
  const seconds = `${(ms / 1000).toFixed(1)}s`.padStart(7);
  if (failed > 0) console.log(`\n${output.trim()}\n`);
  const counts = [
    `${passed} passed`,
    ...(failed ? [`${failed} failed`] : []),
    ...(skipped.length ? [`${skipped.length} skipped`] : []),
  ];
  console.log(`${failed > 0 ? 'FAIL' : 'ok  '} ${seconds}  ${name}: ${counts.join(', ')}`);
}

/** Does the work on all items, at most `width` at a time, and shows each outcome when it is there. */
async function all<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const left = items.values();
  const walk = async (): Promise<void> => {
    for (const item of left) {
      const outcome = await work(item);
      show(outcome);
      outcomes.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: width }, walk));
  return outcomes;
}

const { values: flags, positionals: filters } = parseArgs({
  options: { 'no-skips': { type: 'boolean', default: false }, jobs: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const jobs = Number(flags.jobs);
if (!Number.isInteger(jobs) || jobs < 1) {
  console.error(`--jobs: expected a whole number from 1, found ${flags.jobs}`);
  process.exit(2);
}

const files = [...new Bun.Glob(`{${rooms.join(',')}}/**/*.test.ts`).scanSync({ cwd: root })]
  .filter((file) => !file.includes('node_modules/'))
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort();
const reports = mkdtempSync(join(tmpdir(), 'cutover-test-'));
try {
  // The static stages two at a time; the tests after them, since some of them measure time.
  const outcomes = [
    ...(filters.length === 0 ? await all(stages, 2, runStage) : []),
    ...(await all(files, jobs, (file) => runFile(file, reports))),
  ];
  const sum = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const passed = sum((outcome) => outcome.passed);
  const skips = sum((outcome) => outcome.skipped.length);
  let failed = sum((outcome) => outcome.failed);
  for (const { name, skipped } of outcomes)
    for (const test of skipped) console.log(`skipped: ${name}: ${test}`);
  if (files.length === 0) {
    console.log(
      filters.length === 0
        ? 'There are no test files.'
        : `No test file’s path contains ${filters.join(' or ')}.`,
    );
    failed += 1;
  }
  if (flags['no-skips']) failed += skips;
  console.log(
    `${passed} passed, ${failed} failed${skips > 0 && !flags['no-skips'] ? `, ${skips} skipped` : ''}`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  rmSync(reports, { recursive: true, force: true });
}
