import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorRecord } from '../core/errors.ts';
import { sourceOf, versionOf, type SourceWords } from './source.ts';

/** The code of the error with which a source is refused. */
async function refusal(words: SourceWords): Promise<string | null> {
  try {
    await sourceOf(words);
    return null;
  } catch (error) {
    return errorRecord(error).code;
  }
}

let base: string;
const at = new Date(2026, 2, 1, 14, 5, 9);

function git(folder: string, ...words: string[]): string {
  const ran = Bun.spawnSync(['git', '-C', folder, ...words], {
    env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
  });
  if (ran.exitCode !== 0) throw new Error(`git ${words.join(' ')}: ${ran.stderr.toString()}`);
  return ran.stdout.toString().trim();
}

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'cutover source-'));
  mkdirSync(join(base, 'app'));
  writeFileSync(join(base, 'app', 'package.json'), '{"version":"4.5.6"}');
  writeFileSync(join(base, 'app.tar.gz'), '');
  writeFileSync(join(base, 'app.zip'), '');
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

describe('a source', () => {
  test('is a directory or an archive, by its absolute path', async () => {
    expect(await sourceOf({ text: 'app', base })).toEqual({ kind: 'directory', path: join(base, 'app') });
    expect(await sourceOf({ text: 'app.tar.gz', base })).toEqual({
      kind: 'archive',
      path: join(base, 'app.tar.gz'),
    });
    const sha256 = 'AB'.repeat(32);
    expect(await sourceOf({ text: 'app.tar.gz', base, sha256 })).toMatchObject({
      sha256: sha256.toLowerCase(),
    });
  });

  test('that is not there, or is of another kind, is refused by name', async () => {
    expect(await refusal({ text: 'nowhere', base })).toBe('source-invalid');
    expect(await refusal({ text: 'app.zip', base })).toBe('source-invalid');
    expect(await refusal({ text: 'git:main', base })).toBe('source-invalid');
  });

  test('takes no options that do not fit it', async () => {
    expect(await refusal({ text: 'app', base, sha256: 'ab'.repeat(32) })).toBe('usage');
    expect(await refusal({ text: 'app.tar.gz', base, sha256: 'ab' })).toBe('usage');
    expect(await refusal({ text: 'app', base, repository: '.' })).toBe('usage');
  });
});

describe('the version of a release', () => {
  test('is that in its package.json, else the time', async () => {
    expect(await versionOf({ kind: 'directory', path: join(base, 'app') }, at)).toBe('4.5.6');
    expect(await versionOf({ kind: 'directory', path: base }, at)).toBe('r20260301-140509');
    expect(await versionOf({ kind: 'archive', path: join(base, 'app.tar.gz') }, at)).toBe('r20260301-140509');
  });

  test('is its commit while the folder is exactly as of it', async () => {
    const checkout = join(base, 'checkout');
    const app = join(checkout, 'app');
    mkdirSync(app, { recursive: true });
    mkdirSync(join(checkout, 'built'));
    writeFileSync(join(app, 'server.js'), '1');
    writeFileSync(join(checkout, '.gitignore'), 'built/\n');
    writeFileSync(join(checkout, 'built', 'package.json'), '{"version":"1.0.0"}');
    git(checkout, 'init', '-q');
    git(checkout, 'add', '.');
    git(checkout, '-c', 'user.name=n', '-c', 'user.email=e@e', 'commit', '-q', '-m', 'one');
    const commit = git(checkout, 'rev-parse', 'HEAD');
    const short = git(checkout, 'rev-parse', '--short', 'HEAD');

    expect(await versionOf({ kind: 'directory', path: app }, at)).toBe(short);
    // What git ignores is no part of the commit.
    expect(await versionOf({ kind: 'directory', path: join(checkout, 'built') }, at)).toBe('1.0.0');
    const source = await sourceOf({ text: 'git:HEAD', base: checkout });
    expect(source).toEqual({ kind: 'git', repository: checkout, revision: commit });
    expect(await versionOf(source, at)).toBe(short);
    expect(await sourceOf({ text: 'git:HEAD', base, repository: 'checkout' })).toEqual(source);

    writeFileSync(join(app, 'server.js'), '2');
    expect(await versionOf({ kind: 'directory', path: app }, at)).toBe('r20260301-140509');
    // A revision is a revision, never an option.
    expect(await refusal({ text: 'git:--all', base: checkout })).toBe('source-invalid');
  });
});
