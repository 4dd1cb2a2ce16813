import type { Draft, Receipt } from './receipt.ts';

/** SHA-256 of a text in UTF-8, in hexadecimal. An argument, since the core has no runtime to ask. */
export type Digest = (text: string) => string;

/** One text for one value: keys in order of their code units, no white space (as RFC 8785, for what JSON can hold). */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`);
    return `{${entries.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** The receipt as the next link of the chain, after the one with the hash `previous`. */
export function sealed(draft: Draft, previous: string | null, digest: Digest): Receipt {
  const linked = { ...draft, previous };
  return { ...linked, hash: digest(canonical(linked)) };
}

/** Where a chain does not hold. */
export interface Break {
  /** Which receipt, from 0. */
  readonly index: number;
  readonly expected: string;
  readonly found: string;
}

const hashText = (value: unknown): string =>
  value === null ? 'none' : typeof value === 'string' ? value : `a ${typeof value}`;

/**
 * The first receipt that was changed after it was written, or that does not follow the one before it; null if all hold. Takes them
 * as they were read, so that what a schema would drop counts too.
 */
export function firstBreak(
  receipts: readonly Readonly<Record<string, unknown>>[],
  digest: Digest,
): Break | null {
  let previous: unknown = null;
  for (const [index, receipt] of receipts.entries()) {
    if (receipt['previous'] !== previous) {
      return {
        index,
        expected: `it to follow the receipt with hash ${hashText(previous)}`,
        found: hashText(receipt['previous'] ?? null),
      };
    }
    const { hash, ...linked } = receipt;
    const found = digest(canonical(linked));
    if (found !== hash) return { index, expected: `its content to have the hash ${hashText(hash)}`, found };
    previous = hash;
  }
  return null;
}
