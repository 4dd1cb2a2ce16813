/** What `hashOctet` begins with (FNV-1a, 32 bits). */
export const hashSeed = 0x811c9dc5 | 0;
export const hashOctet = (hash: number, octet: number): number => Math.imul(hash ^ octet, 0x01000193);

const none = -1;

/**
 * Values by strings of octets: open addressing, at most half full, never changed after it was made. A look-up makes no string
 * and no object. The caller hashes, octet by octet, while it looks for the ends of candidates, in whichever direction suits it.
 */
export class ByteTable<T> {
  private readonly mask: number;
  private readonly slots: Int32Array;
  private readonly hashes: Int32Array;
  private readonly starts: Int32Array;
  private readonly octets: Uint8Array;
  private readonly values: readonly T[];
  /** The length of the longest key. */
  readonly longest: number;

  /**
   * @param entries each key once; keys are as `fold` leaves them
   * @param hash of a whole key, as callers of `find` will make it
   * @param fold what an octet of a look-up counts as, e.g. its lower case
   */
  constructor(
    entries: readonly (readonly [key: Uint8Array, value: T])[],
    hash: (key: Uint8Array) => number,
    private readonly fold: Uint8Array,
  ) {
    const size = 2 ** Math.max(1, Math.ceil(Math.log2(2 * entries.length + 1)));
    this.mask = size - 1;
    this.slots = new Int32Array(size).fill(none);
    this.hashes = new Int32Array(entries.length);
    this.starts = new Int32Array(entries.length + 1);
    this.octets = new Uint8Array(entries.reduce((sum, [key]) => sum + key.length, 0));
    this.values = entries.map(([, value]) => value);
    let at = 0;
    let longest = 0;
    for (const [index, [key]] of entries.entries()) {
      this.starts[index] = at;
      this.octets.set(key, at);
      at += key.length;
      longest = Math.max(longest, key.length);
      this.hashes[index] = hash(key);
      let slot = this.slotOf(this.hashes[index]!);
      while (this.slots[slot] !== none) slot = (slot + 1) & this.mask;
      this.slots[slot] = index;
    }
    this.starts[entries.length] = at;
    this.longest = longest;
  }

  get size(): number {
    return this.values.length;
  }

  /** The value of the key that stands at `bytes[from, to)`, whose hash this is. */
  find(hash: number, bytes: Uint8Array, from: number, to: number): T | undefined {
    const { slots, hashes, mask } = this;
    for (let slot = this.slotOf(hash); ; slot = (slot + 1) & mask) {
      const index = slots[slot]!;
      if (index === none) return undefined;
      if (hashes[index] === hash && this.holds(index, bytes, from, to)) return this.values[index];
    }
  }

  private slotOf(hash: number): number {
    return (hash ^ (hash >>> 15)) & this.mask;
  }
  private holds(index: number, bytes: Uint8Array, from: number, to: number): boolean {
    const { octets, fold } = this;
    const start = this.starts[index]!;
    if (this.starts[index + 1]! - start !== to - from) return false;
    for (let i = from, j = start; i < to; i++, j++) if (fold[bytes[i]!] !== octets[j]) return false;
    return true;
  }
}
