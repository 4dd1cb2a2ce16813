import { describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { CutoverError } from '../../core/errors.ts';
import { formatIp, parseIp } from './ip-data.ts';
import { parseKey, readKey } from './key-file.ts';
import { prerequisitesOf, updatesOf, type RecordSet } from './record-set.ts';
import { sign, unverified, type TsigKey } from './tsig.ts';
import { decodeMessage, encodeMessage, opcodes, types, WireError } from './wire.ts';

/** What BIND's nsupdate sends for the update below, signed at this time with this key. */
const fromNsupdate = Buffer.from(
  '5914280000010002000200010473686f70076578616d706c650000060001057374617465c00c00100001000000000004036f6e65' +
    '03777777c00c000500fe000000000000c034000100ff000000000000c034000100010000001e0004c0000201076375746f766572' +
    '0000fa00ff00000000003d0b686d61632d7368613235360000006b0b39e1012c0020ee362bde1f23380a82b99ef533998f526679' +
    '44e10f3a8d0698bde555f144aca4591400000000',
  'hex',
);
const signedAt = 0x6b0b39e1;
const key: TsigKey = {
  name: 'cutover',
  algorithm: 'hmac-sha256',
  secret: Buffer.from('Zm91cnRlZW4gYnl0ZXMgb2Ygc2VjcmV0IGhlcmU=', 'base64'),
};
const set = (name: string, type: RecordSet['type'], ...values: string[]): RecordSet => ({
  name: `${name}.shop.example`,
  type,
  ttlSeconds: 30,
  values,
});

describe('updates, as another program writes them', () => {
  const theirs = decodeMessage(fromNsupdate);
  const bare = (records: readonly object[]) =>
    records.map((record) => ({ ...record, start: 0, at: 0, data: Buffer.from(Reflect.get(record, 'data')) }));

  test('sections are the same', () => {
    const where = [set('state', 'TXT', 'one'), set('www', 'CNAME')];
    expect(bare(where.flatMap(prerequisitesOf))).toEqual(bare(theirs.answers));
    expect(bare(updatesOf([set('www', 'A', '192.0.2.1')]))).toEqual(bare(theirs.authorities));
    expect(theirs.questions).toEqual([{ name: 'shop.example', type: types.SOA, class: 1 }]);
    expect(theirs.flags).toBe(opcodes.UPDATE << 11);
  });

  test('their signature is right for this key and time, and for no other, nor for another byte', () => {
    expect(unverified(fromNsupdate, key, null, signedAt)).toBeNull();
    expect(unverified(fromNsupdate, key, null, signedAt + 300)).toBeNull();
    expect(unverified(fromNsupdate, key, null, signedAt + 301)).toContain('too far from now');
    expect(unverified(fromNsupdate, { ...key, secret: Buffer.from('x') }, null, signedAt)).toBe(
      'its signature is not right',
    );
    expect(unverified(fromNsupdate, { ...key, name: 'other' }, null, signedAt)).toContain('the key cutover');
    const changed = Buffer.from(fromNsupdate);
    changed[changed.indexOf(Buffer.of(192, 0, 2, 1)) + 3] = 9;
    expect(unverified(changed, key, null, signedAt)).toBe('its signature is not right');
  });

  test('what is signed here is right, bound to its request, and not signed is said so', () => {
    const plain = encodeMessage({ ...theirs, additionals: [] });
    expect(unverified(plain, key, null, signedAt)).toBe('it is not signed');
    const { signed, mac } = sign(plain, key, signedAt);
    expect(unverified(signed, key, null, signedAt)).toBeNull();
    expect(unverified(signed, key, mac, signedAt)).toBe('its signature is not right');
  });
});

test('bytes that are no message are refused, and none hangs or breaks the reader', () => {
  const read = (bytes: Uint8Array): void => {
    try {
      decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), read));
  for (let end = 0; end < fromNsupdate.length; end++)
    expect(() => decodeMessage(fromNsupdate.subarray(0, end))).toThrow(WireError);
  // A pointer to itself.
  expect(() => decodeMessage(Buffer.from('000000000001000000000000c00c00010001', 'hex'))).toThrow(WireError);
});

test('addresses are written in one way', () => {
  for (const [from, to] of [
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['fe80:0:0:1:2:3:4:5', 'fe80::1:2:3:4:5'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['1:2:3:4:5:6:0:0', '1:2:3:4:5:6::'],
  ] as const)
    expect(formatIp(parseIp(from) ?? new Uint8Array())).toBe(to);
});

describe('a file with a key', () => {
  test('is read as BIND writes it', () => {
    expect(
      parseKey('key "Cutover." {\n\talgorithm hmac-sha512;\n\tsecret "c2Vj//V0"; // ours\n};\n'),
    ).toEqual({
      name: 'cutover',
      algorithm: 'hmac-sha512',
      secret: Buffer.from('c2Vj//V0', 'base64'),
    });
    for (const text of ['', 'key a { };', 'key a { algorithm hmac-md5; secret "c2VjcmV0"; };', 'c2VjcmV0'])
      expect(parseKey(text)).toBeUndefined();
  });

  test('that others may read is refused, and nothing of it is in the message', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cutover-key-'));
    try {
      const path = join(folder, 'key');
      writeFileSync(path, 'key a { algorithm hmac-sha256; secret "c2VjcmV0"; };', { mode: 0o640 });
      const codeOf = (): string => {
        try {
          return readKey(path).name;
        } catch (error) {
          expect(String(error)).not.toContain('c2VjcmV0');
          return error instanceof CutoverError ? error.code : String(error);
        }
      };
      expect(codeOf()).toBe('io-failed');
      rmSync(path);
      writeFileSync(path, 'secret "c2VjcmV0"', { mode: 0o600 });
      expect(codeOf()).toBe('spec-invalid');
      rmSync(path);
      expect(codeOf()).toBe('io-failed');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
