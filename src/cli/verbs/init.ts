import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { detectSpec } from '../../config/detect/detect.ts';
import { CutoverError } from '../../core/errors.ts';
import { inCheckout } from '../git.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { harmless } from '../terminal/text.ts';

export interface InitOptions {
  readonly force?: boolean;
}

/** Looks at the folder and writes a first spec, and has git pass over the home directory. */
export async function init(invocation: Invocation, { force = false }: InitOptions): Promise<number> {
  const { cwd, specFile, json, output, paint } = invocation;
  const file = specFile ?? join(cwd, 'cutover.yaml');
  const folder = dirname(file);
  expectWritable(file, force);
  const { text, kind, notes } = detectSpec(folder);
  const replaced = existsSync(file);
  write(file, text, force);
  const ignored = (await inCheckout(folder)) && ignore(join(folder, '.gitignore'), '.cutover/');
  if (json) {
    answerJson(invocation, { file, kind, notes, replaced, ignored, text });
    return 0;
  }
  output.line(`${paint.green(replaced ? 'written over:' : 'written:')} ${file}`);
  output.line(`  found: ${harmless(kind)}`);
  for (const note of notes) output.line(`  ${paint.yellow('!')} ${harmless(note)}`);
  if (ignored) output.line('  .cutover/ was added to .gitignore');
  output.line(`  ${paint.bold('next:')} look at ${basename(file)}, then`);
  output.line('    cutover doctor       sees whether all that it needs is there');
  output.line('    cutover deploy --up  takes the first release live');
  return 0;
}

function expectWritable(file: string, force: boolean): void {
  if (!/\.ya?ml$/.test(file)) {
    throw new CutoverError('usage', `${file}: expected a .yaml file to write, found another kind of spec`, {
      next: 'init writes no programs: remove that file, or change it by hand',
    });
  }
  if (!force && existsSync(file)) throw taken(file);
}

const taken = (file: string): CutoverError =>
  new CutoverError('usage', `${file}: expected no spec there, found one`, {
    next: 'cutover plan shows what it does; cutover init --force writes over it',
  });

/** Writes the whole file or nothing; without `force`, never over one that has just come about. */
function write(file: string, text: string, force: boolean): void {
  try {
    if (!force) {
      writeFileSync(file, text, { flag: 'wx' });
      return;
    }
    const draft = `${file}.${process.pid}.new`;
    writeFileSync(draft, text, { flag: 'wx' });
    renameSync(draft, file);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EEXIST') throw taken(file);
    throw new CutoverError(
      code === 'ENOSPC' ? 'disk-full' : 'io-failed',
      `${file}: expected to write it, found ${cause instanceof Error ? cause.message : String(cause)}`,
      { next: 'see to the rights of that folder and the room on its disk', cause },
    );
  }
}

/** Adds a line to a .gitignore, unless it is there. Returns whether it was added. */
function ignore(path: string, line: string): boolean {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const known = before.split(/\r?\n/).map((each) => each.trim().replace(/^\//, '').replace(/\/$/, ''));
  if (known.includes(line.replace(/\/$/, ''))) return false;
  appendFileSync(path, `${before === '' || before.endsWith('\n') ? '' : '\n'}${line}\n`);
  return true;
}
