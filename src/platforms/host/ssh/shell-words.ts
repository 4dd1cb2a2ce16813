const plain = /^[A-Za-z0-9_./:=@%+,-]+$/;

/**
 * Words as one line that a POSIX shell (XCU 2.2) reads as these very words: the protocol of SSH hands over a line and nothing else. Anything may be in
 * them but the character that no argument of a program can hold.
 *
 * @throws TypeError for a word with a NUL character
 */
export const shellLine = (words: readonly string[]): string => words.map(quoted).join(' ');

function quoted(word: string): string {
  if (word.includes('\0')) throw new TypeError('expected a word without a NUL character');
  // A word such as A=B is an order to the shell where a line begins with it.
  if (plain.test(word) && !word.includes('=')) return word;
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
