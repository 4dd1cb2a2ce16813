import { statSync } from 'node:fs';

/** Files are looked at this often. */
export const lookMs = 900;

/** Another file, or other content in it, looks different. A name that is a link is followed, as renewals like to put it. */
export function looksOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined
    ? 'absent'
    : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}
