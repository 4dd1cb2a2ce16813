import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { shellLine } from './shell-words.ts';

/** What a shell makes of a line: the words that its program gets. */
function wordsOf(shell: readonly string[], line: string): string[] {
  const { stdout } = Bun.spawnSync([...shell, '-c', line]);
  return stdout.toString('utf8').split('\0').slice(0, -1);
}

test.each([[['sh']], [['bash', '--posix']], [['bash']]])('%p reads the very words', (shell) => {
  // No word of the line is the program's own name, whatever is in it.
  const print = ['printf', String.raw`%s\0`];
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string({ unit: fc.constantFrom(...'\'"\\$`!*?[]{}()<>|&;#~ \t\n\r=-%é'), minLength: 1 }),
        ),
        { minLength: 1, maxLength: 6 },
      ),
      (words) => {
        const sent = words.map((word) => word.replaceAll('\0', '').toWellFormed());
        expect(wordsOf(shell, shellLine([...print, ...sent]))).toEqual(sent);
      },
    ),
    { numRuns: 150 },
  );
});

test('a line that begins with an assignment runs a program of that name, and sets nothing', () => {
  expect(Bun.spawnSync(['sh', '-c', shellLine(['A=1', 'true'])]).exitCode).toBe(127);
});

test('a word that no program can be given is refused', () => {
  expect(() => shellLine(['a\0b'])).toThrow('NUL');
});
