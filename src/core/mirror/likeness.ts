/** Of longer texts only the beginning is looked at. */
const mostWords = 20_000;

const words = (text: string): string[] => text.split(/[\s<>]+/, mostWords);

/** How much of two texts is the same, from 0 to 1: by their words, in any order. */
export function likeness(a: string, b: string): number {
  if (a === b) return 1;
  const counts = new Map<string, number>();
  const ours = words(a);
  for (const word of ours) counts.set(word, (counts.get(word) ?? 0) + 1);
  const theirs = words(b);
  let same = 0;
  for (const word of theirs) {
    const left = counts.get(word) ?? 0;
    if (left === 0) continue;
    counts.set(word, left - 1);
    same++;
  }
  return (2 * same) / (ours.length + theirs.length);
}

/** The first line in which two texts differ, of each. */
export function firstDifferentLines(a: string, b: string): readonly [string, string] {
  const ours = a.split('\n');
  const theirs = b.split('\n');
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++)
    if (ours[i] !== theirs[i]) return [ours[i] ?? '', theirs[i] ?? ''];
  return ['', ''];
}
