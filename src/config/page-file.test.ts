import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CutoverError } from '../core/errors.ts';
import { mostPageBytes } from '../core/page.ts';
import { readPage } from './page-file.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover pages '));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const written = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const problem = (path: string): string => {
  try {
    readPage(path);
  } catch (error) {
    if (error instanceof CutoverError && error.code === 'page-invalid') return error.message;
    throw error;
  }
  return 'none';
};

test('a page is read whole, with the type that its name says', () => {
  expect(readPage(written('a.html', '<p>Grüße</p>'))).toEqual({ type: 'html', text: '<p>Grüße</p>' });
  expect(readPage(written('a.HTM', 'x'))).toMatchObject({ type: 'html' });
  expect(readPage(written('a.txt', ''))).toEqual({ type: 'text', text: '' });
  expect(readPage(written('a.json', '{}'))).toMatchObject({ type: 'json' });
  const longest = 'x'.repeat(mostPageBytes);
  expect(readPage(written('long.xml', longest)).text).toBe(longest);
});

test('a page that cannot be one is refused with its name and the reason', () => {
  expect(problem(join(folder, 'none.html'))).toContain(`${folder}/none.html: ENOENT`);
  expect(problem(written('too long.html', 'x'.repeat(mostPageBytes + 1)))).toContain('262144 bytes');
  expect(problem(written('latin.html', Uint8Array.of(0x47, 0x72, 0xfc)))).toContain('UTF-8');
  expect(problem(written('a.png', 'x'))).toContain('.html, .htm, .txt, .json, .xml');
  mkdirSync(join(folder, 'folder.html'));
  expect(problem(join(folder, 'folder.html'))).toContain('expected a file');
  Bun.spawnSync(['mkfifo', join(folder, 'pipe.html')]);
  expect(problem(join(folder, 'pipe.html'))).toContain('expected a file');
  expect(problem('/dev/zero')).toContain('ends with');
});
