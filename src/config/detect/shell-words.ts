/** What a line of shell text needs to be run: nothing but its words, their expansion, or a shell that reads it whole. */
export interface ShellLine {
  /** The words, unquoted. Right only where `needs` is `words`. */
  readonly words: readonly string[];
  /**
   * `words`: they can be run as they are. `expansion`: one program, but with variables or patterns that a shell has to fill in.
   * `shell`: pipes, lists, redirections, subshells.
   */
  readonly needs: 'words' | 'expansion' | 'shell';
}

/** Splits a line by the quoting rules of the POSIX shell (§2.2 Quoting, §2.3 Token Recognition). */
export function splitShellLine(line: string): ShellLine {
  const words: string[] = [];
  let word: string | undefined;
  let expands = false;
  let at = 0;
  const whole = (): ShellLine => ({ words, needs: 'shell' });
  while (at < line.length) {
    const character = line.charAt(at);
    if (/\s/.test(character) && character !== '\n') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === '#' && word === undefined) {
      break;
    } else if (/[|&;<>()`\n]/.test(character)) {
      return whole();
    } else if (character === "'") {
      const end = line.indexOf("'", at + 1);
      if (end < 0) return whole();
      word = (word ?? '') + line.slice(at + 1, end);
      at = end;
    } else if (character === '"') {
      word ??= '';
      for (at += 1; line.charAt(at) !== '"'; at += 1) {
        if (at >= line.length || line.charAt(at) === '`' || line.startsWith('$(', at)) return whole();
        if (line.charAt(at) === '$') expands = true;
        if (line.charAt(at) === '\\' && /[$`"\\]/.test(line.charAt(at + 1))) at += 1;
        word += line.charAt(at);
      }
    } else if (character === '\\') {
      if (at + 1 >= line.length) return whole();
      at += 1;
      word = (word ?? '') + line.charAt(at);
    } else {
      if (line.startsWith('$(', at)) return whole();
      if (/[$*?[]/.test(character) || (character === '~' && word === undefined)) expands = true;
      word = (word ?? '') + character;
    }
    at += 1;
  }
  if (word !== undefined) words.push(word);
  // A reserved word or a builtin is no program.
  if (
    /^(?:if|for|while|until|case|\{|!|cd|source|\.|export|set|unset|ulimit|umask|trap|eval)$/.test(
      words[0] ?? '',
    )
  )
    return whole();
  return { words, needs: expands ? 'expansion' : 'words' };
}
