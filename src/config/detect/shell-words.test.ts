import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { splitShellLine } from './shell-words.ts';

describe('words are split as a shell splits them', () => {
  for (const [line, words] of [
    ['', []],
    ['  node   server.js\t-x ', ['node', 'server.js', '-x']],
    [`a 'b c' "d e" f\\ g`, ['a', 'b c', 'd e', 'f g']],
    [`a'b'"c"d`, ['abcd']],
    [`'' ""`, ['', '']],
    [`"a\\"b\\\\c\\d"`, ['a"b\\c\\d']],
    [`'$HOME | x'`, ['$HOME | x']],
    ['a # comment', ['a']],
    ['a#b', ['a#b']],
    ['a=1 b', ['a=1', 'b']],
    ['\\$HOME', ['$HOME']],
  ] as const) {
    test(line, () => expect(splitShellLine(line)).toEqual({ words: [...words], needs: 'words' }));
  }

  test('as sh itself does, for any line of words and quotes', () => {
    const line = fc.string({ unit: fc.constantFrom(...'ab \t\'"\\#='), minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(line, (text) => {
        const { words, needs } = splitShellLine(text);
        if (needs !== 'words') return;
        const { stdout } = Bun.spawnSync(['sh', '-c', `printf '<%s>' x ${text}`]);
        expect(stdout.toString()).toBe(['x', ...words].map((word) => `<${word}>`).join(''));
      }),
      { numRuns: 60 },
    );
  });
});

for (const line of ['serve -p $PORT', 'serve "${PORT:-3000}"', 'cat *.txt', 'ls ~/x']) {
  test(`${line}: a shell fills something in`, () => expect(splitShellLine(line).needs).toBe('expansion'));
}
for (const line of [
  'a | b',
  'a && b',
  'a; b',
  'a > f',
  'a &',
  'echo $(date)',
  'echo `date`',
  '(a)',
  'cd x',
  'a "b',
  "a 'b",
  'a "$(b)"',
  'a \\',
  'if a',
]) {
  test(`${line}: needs a shell`, () => expect(splitShellLine(line).needs).toBe('shell'));
}
