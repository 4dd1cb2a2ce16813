import { hashOctet, hashSeed } from './byte-table.ts';

/** A number of 32 bits in which each bit depends on each of `n` (the end of MurmurHash3). */
export function mix(n: number): number {
  n = Math.imul(n ^ (n >>> 16), 0x85ebca6b);
  n = Math.imul(n ^ (n >>> 13), 0xc2b2ae35);
  return n ^ (n >>> 16);
}

/** The number of a string of octets. */
export function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = hashSeed;
  for (let i = from; i < to; i++) hash = hashOctet(hash, bytes[i]!);
  return mix(hash);
}

/** The number of a text that is ASCII, such as an address. */
export function hashOfText(text: string): number {
  let hash = hashSeed;
  for (let i = 0; i < text.length; i++) hash = hashOctet(hash, text.charCodeAt(i));
  return mix(hash);
}

/** As much of an instance as matters here. */
export interface Candidate {
  /** Of its address. */
  readonly number: number;
  readonly care: { takes(now: number): boolean };
}

/**
 * The instance for a key: the one whose number together with the key's is the highest (rendezvous hashing). One more instance takes from
 * each of the others an equal part of its keys, one less gives its keys to all others alike, and no other key moves. Those that are
 * passed over just now do not come; null if none is left.
 */
export function appointed<C extends Candidate>(candidates: readonly C[], key: number, now: number): C | null {
  let best: C | null = null;
  let highest = 0;
  for (let n = 0; n < candidates.length; n++) {
    const candidate = candidates[n]!;
    const height = mix(key ^ candidate.number);
    if ((best === null || height > highest) && candidate.care.takes(now)) {
      best = candidate;
      highest = height;
    }
  }
  return best;
}
