import { expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { receipt } from '../cli/testing/views.ts';
import { canonical, firstBreak, sealed } from './receipt-chain.ts';
import { Receipt, type Draft } from './receipt.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

const draft = (deployment: number): Draft => {
  const { previous: _previous, hash: _hash, ...rest } = receipt;
  return { ...rest, deployment };
};

function chain(length: number): Receipt[] {
  const all: Receipt[] = [];
  for (let n = 1; n <= length; n++) all.push(sealed(draft(n), all.at(-1)?.hash ?? null, digest));
  return all;
}

/** As it comes out of a file. */
const written = (receipts: readonly Receipt[]): Record<string, unknown>[] =>
  receipts.map((each) => JSON.parse(JSON.stringify(each)) as Record<string, unknown>);

test('a value has one text, whatever the order of its keys', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const again: unknown = JSON.parse(canonical(value));
      expect(canonical(again)).toBe(canonical(value));
      expect(again).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
  expect(canonical({ b: 1, a: [{ d: null, c: 'é' }] })).toBe('{"a":[{"c":"é","d":null}],"b":1}');
});

test('a chain holds, also when it was written out, read and parsed by the schema', () => {
  const all = chain(5);
  expect(firstBreak(written(all), digest)).toBeNull();
  expect(firstBreak(written(all.map((each) => Receipt.parse(each))), digest)).toBeNull();
  expect(firstBreak([], digest)).toBeNull();
});

test('any change of any leaf of any receipt is found, and so is what is added', () => {
  const paths = (value: unknown, at: readonly string[] = []): string[][] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, member]) => paths(member, [...at, key]))
      : [[...at]];
  for (const index of [0, 1, 2]) {
    for (const path of paths(receipt)) {
      const all = written(chain(3));
      let place = all[index] as Record<string, unknown>;
      for (const key of path.slice(0, -1)) place = place[key] as Record<string, unknown>;
      const last = path.at(-1) ?? '';
      place[last] = place[last] === 7 ? 8 : 7;
      const found = firstBreak(all, digest);
      expect(found?.index).toBeGreaterThanOrEqual(index);
      expect(found).not.toBeNull();
    }
    const all = written(chain(3));
    all[index] = { ...all[index], note: 'added' };
    expect(firstBreak(all, digest)?.index).toBe(index);
  }
});

test('a receipt that was taken out, put elsewhere or made twice is found', () => {
  const all = written(chain(4));
  expect(firstBreak(all.slice(1), digest)?.index).toBe(0);
  expect(firstBreak(all.toSpliced(1, 1), digest)?.index).toBe(1);
  expect(firstBreak([all[0] ?? {}, all[2] ?? {}, all[1] ?? {}], digest)?.index).toBe(1);
  expect(firstBreak([all[0] ?? {}, ...all], digest)?.index).toBe(1);
});
