const longest = 200;
/** With more of them the time grows with a higher power of the length of a text. */
const mostUnbounded = 2;
const mostCount = 100;

/**
 * Whether a regular expression takes a bounded time on texts of bounded length: no repetition of a group (in which repetitions would
 * multiply), no back reference, few repetitions without an end, none of a great many.
 */
export function isSafePattern(source: string): boolean {
  if (source === '' || source.length > longest) return false;
  try {
    new RegExp(source, 'u');
  } catch {
    return false;
  }
  let unbounded = 0;
  let inClass = false;
  let afterGroup = false;
  for (let i = 0; i < source.length; i++) {
    const char = source[i];
    const wasGroup = afterGroup;
    afterGroup = false;
    if (char === '\\') {
      i++;
      if (!inClass && /[1-9k]/.test(source[i] ?? '')) return false;
    } else if (inClass) inClass = char !== ']';
    else if (char === '[') inClass = true;
    else if (char === ')') afterGroup = true;
    else if (char === '*' || char === '+') {
      if (wasGroup || ++unbounded > mostUnbounded) return false;
    } else if (char === '?' && wasGroup && source[i - 1] === ')') {
      // A group once or not at all.
    } else if (char === '{') {
      const [, least = '', most] = /^\{(\d+)(?:,(\d*))?\}/.exec(source.slice(i)) ?? [];
      if (wasGroup || Number(least) > mostCount || Number(most ?? 0) > mostCount) return false;
      if (most === '' && ++unbounded > mostUnbounded) return false;
    }
  }
  return true;
}
