/**
 * Whether a response's status is the expected one: a status (`200`), a class (`2xx`) or a range, ends included (`200-399`, `2xx-399`).
 * The spec's schema has refused other forms; one of them matches nothing.
 */
export function statusMatches(expected: number | string, found: number): boolean {
  const match = /^([1-5])(xx|\d\d)(?:-([1-5]\d\d))?$/.exec(String(expected));
  if (!match) return false;
  const [, hundreds, rest, last] = match;
  const least = Number(hundreds) * 100 + (rest === 'xx' ? 0 : Number(rest));
  const most = last !== undefined ? Number(last) : rest === 'xx' ? least + 99 : least;
  return least <= found && found <= most;
}
