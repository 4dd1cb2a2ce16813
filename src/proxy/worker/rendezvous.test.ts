import { expect, test } from 'bun:test';
import { InstanceCare } from './instance-care.ts';
import { appointed, hashOfText } from './rendezvous.ts';

const pools = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    number: hashOfText(`10.0.0.1:${3000 + n}`),
    care: new InstanceCare(),
  }));
const keys = Array.from({ length: 20_000 }, (_, n) =>
  hashOfText(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`),
);

test('neighbouring addresses are spread over all instances alike', () => {
  const all = pools(7);
  const counts = new Map(all.map((pool) => [pool, 0]));
  for (const key of keys) {
    const pool = appointed(all, key, 0)!;
    counts.set(pool, counts.get(pool)! + 1);
  }
  for (const count of counts.values()) expect(Math.abs(count / (keys.length / 7) - 1)).toBeLessThan(0.08);
});

test('one more instance takes an equal part from each, and nobody else moves', () => {
  const all = pools(8);
  const before = all.slice(0, 7);
  let moved = 0;
  for (const key of keys) {
    const [from, to] = [appointed(before, key, 0), appointed(all, key, 0)];
    if (from === to) continue;
    moved++;
    expect(to).toBe(all[7]!);
  }
  expect(Math.abs(moved / (keys.length / 8) - 1)).toBeLessThan(0.08);
});

test('one that is passed over gives its keys to all others alike, and has them back afterwards', () => {
  const all = pools(5);
  const [out] = all;
  const before = keys.map((key) => appointed(all, key, 0));
  out!.care.avoid(100);
  const heirs = new Map<unknown, number>();
  for (const [n, key] of keys.entries()) {
    const now = appointed(all, key, 50)!;
    if (before[n] !== out) expect(now).toBe(before[n]!);
    else heirs.set(now, (heirs.get(now) ?? 0) + 1);
  }
  expect(heirs.has(out)).toBe(false);
  for (const count of heirs.values()) expect(Math.abs(count / (keys.length / 20) - 1)).toBeLessThan(0.2);
  expect(keys.every((key, n) => appointed(all, key, 100) === before[n])).toBe(true);
  for (const pool of all) pool.care.avoid(300);
  expect(appointed(all, keys[0]!, 200)).toBeNull();
});
