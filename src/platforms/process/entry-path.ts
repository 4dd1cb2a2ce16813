import { CutoverError } from '../../core/errors.ts';

/** What a release may hold. Far above what real ones do; a hostile or mistaken source is stopped here before the disk is full. */
export const contentLimits = {
  entries: 500_000,
  bytes: 16 * 1024 ** 3,
  pathBytes: 4096,
  nameBytes: 255,
} as const;
export type ContentLimits = { readonly [name in keyof typeof contentLimits]: number };

/** A source that cannot be shipped: what was expected of it, and what was found. */
export const sourceInvalid = (
  subject: string,
  expected: string,
  found: string,
  next: string,
  cause?: unknown,
): CutoverError =>
  new CutoverError('source-invalid', `${subject}: expected ${expected}; found ${found}`, {
    next,
    ...(cause === undefined ? {} : { cause }),
  });

/**
 * The parts of an entry's path in an archive, `[]` for the directory itself. Undefined for one that is not a place within
 * it: absolute, with `..`, too long, or with a zero byte. Nothing is made right in silence, since what looks odd here may
 * have been meant for a reader that reads it in another way.
 */
export function entryParts(
  name: string,
  limits: ContentLimits = contentLimits,
): readonly string[] | undefined {
  if (name === '' || name.startsWith('/') || name.includes('\0')) return undefined;
  if (Buffer.byteLength(name) > limits.pathBytes) return undefined;
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.some((part) => part === '..' || Buffer.byteLength(part) > limits.nameBytes)) return undefined;
  return parts;
}

/**
 * Where a symbolic link's text leads, as the parts from the root; undefined if it leaves the root on the way or has no end.
 * `linkAt` gives the text of a link at a path, undefined for all else: so links in the middle of the way are followed too.
 * A link to nothing is fine as long as nothing on its way is outside.
 */
export function followLink(
  parts: readonly string[],
  text: string,
  linkAt: (path: string) => string | undefined,
): readonly string[] | undefined {
  let budget = 40; // as the kernel's own limit (path_resolution(7))
  const way: string[] = [...parts.slice(0, -1)];
  const ahead = text.split('/').reverse();
  if (text === '' || text.startsWith('/')) return undefined;
  while (ahead.length > 0) {
    const part = ahead.pop() ?? '';
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (way.pop() === undefined) return undefined;
      continue;
    }
    way.push(part);
    const next = linkAt(way.join('/'));
    if (next === undefined) continue;
    if (next.startsWith('/') || --budget < 0) return undefined;
    way.pop();
    ahead.push(...next.split('/').reverse());
  }
  return way;
}
