import { expect, test } from 'bun:test';
import { CutoverError } from '../../core/errors.ts';
import { exclusion } from './exclusion.ts';

const excluded = (patterns: string[], paths: string[]): string[] => {
  const test = exclusion(patterns);
  return paths.filter((path) => test(path.replace(/\/$/, ''), path.endsWith('/')));
};

test('the history and the state of Cutover never go along, at any depth', () => {
  expect(excluded([], ['.git/', 'a/.git', '.cutover/', 'x/.cutover/', '.gitignore', 'git'])).toEqual([
    '.git/',
    'a/.git',
    '.cutover/',
    'x/.cutover/',
  ]);
});

test('patterns are read as in a .gitignore', () => {
  const paths = [
    'node_modules/',
    'a/node_modules/',
    'x.log',
    'a/x.log',
    'build/',
    'a/build/',
    'build',
    'docs/a.md',
    'docs/b/c.md',
    'a/docs/a.md',
  ];
  expect(excluded(['node_modules'], paths)).toEqual(['node_modules/', 'a/node_modules/']);
  expect(excluded(['*.log'], paths)).toEqual(['x.log', 'a/x.log']);
  expect(excluded(['/build'], paths)).toEqual(['build/', 'build']);
  expect(excluded(['./build'], paths)).toEqual(['build/', 'build']);
  expect(excluded(['build/'], paths)).toEqual(['build/', 'a/build/']);
  expect(excluded(['docs/*.md'], paths)).toEqual(['docs/a.md']);
  expect(excluded(['docs/**/*.md'], paths)).toEqual(['docs/a.md', 'docs/b/c.md']);
  expect(excluded(['**/docs/*.md'], paths)).toEqual(['docs/a.md', 'a/docs/a.md']);
});

test('an exception is refused, since it would be ignored', () => {
  expect(() => exclusion(['!keep.log'])).toThrow(CutoverError);
});
