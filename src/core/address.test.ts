import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Address, AddressText, formatAddress, parseAddress } from './address.ts';

const port = fc.integer({ min: 0, max: 65535 });
const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((text) => !text.includes('%')),
  fc.domain(),
);

test('an address is what its text says, back and forth', () => {
  fc.assert(
    fc.property(host, port, (host, port) => {
      expect(parseAddress(formatAddress({ host, port }))).toEqual({ host, port });
    }),
  );
});

test('an absent host is every address', () => {
  expect(parseAddress(':8080')).toEqual({ host: '0.0.0.0', port: 8080 });
  expect(parseAddress('8080')).toEqual({ host: '0.0.0.0', port: 8080 });
});

test.each([
  '',
  'shop',
  'shop:',
  'shop:x',
  'shop:65536',
  'a b:80',
  '::1:80',
  '[::1]80',
  '[shop]:80',
  '1:2:3',
  'http://shop:80',
  'shop:80/',
])('%p is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined();
  expect(AddressText.safeParse(text).success).toBe(false);
});

test('whatever text it is, the result is a valid address or none', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const found = parseAddress(text);
      if (found) expect(Address.safeParse(found).success).toBe(true);
    }),
  );
});
