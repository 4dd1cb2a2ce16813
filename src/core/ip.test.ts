import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { isIP } from 'node:net';
import { formatIp, ipv4, parseIp } from './ip.ts';
import { Trust } from './trust.ts';
import { NetworkText } from './network-text.ts';

describe('an IP address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is read, and written as %s', (text, written) => {
    const ip = parseIp(text);
    expect(ip && formatIp(ip)).toBe(written);
  });
  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.4 ',
    '0x1.2.3.4',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '12345::',
    '::1.2.3',
    '1.2.3.4::',
    'fe80::1%eth0',
    '[::1]',
    '::g',
    ':1',
    '1:',
    'shop.example',
  ])('%p is none', (text) => {
    expect(parseIp(text)).toBeNull();
  });
  test('is read as the runtime reads it, whatever it is', () => {
    const piece = fc.constantFrom(':', '::', '.', '0', '1', 'ff', '255', '256', 'ffff', 'a', '00', '1.2.3.4');
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 16 }).map((all) => all.join('')),
        (text) => {
          expect(parseIp(text) !== null).toBe(isIP(text) !== 0);
        },
      ),
      { numRuns: 5000 },
    );
  });
  test('has dotted decimals at its end alone, also where both halves are alike', () => {
    expect(parseIp('1.2.3.4::1.2.3.4')).toBeNull();
    expect(parseIp('::1.2.3.4')).not.toBeNull();
  });
  test('is the same after it was written and read again', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const ip = parseIp(text);
        expect(ip && parseIp(formatIp(ip))).toEqual(ip);
      }),
    );
    expect(formatIp(ipv4([10, 0, 0, 1]))).toBe('10.0.0.1');
  });
});

describe('trust', () => {
  const trust = new Trust(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '2001:db8::/33']);
  test.each([
    ['10.255.255.255', true],
    ['11.0.0.0', false],
    ['::ffff:10.1.2.3', true],
    ['192.0.2.7', true],
    ['192.0.2.6', false],
    ['fdff::1', true],
    ['fe00::1', false],
    ['2001:db8:7fff::', true],
    ['2001:db8:8000::', false],
    ['unknown', false],
  ])('of %s: %p', (text, expected) => {
    expect(trust.holdsText(text)).toBe(expected);
  });
  test('holds every address of a family by a length of 0, and none of the other family for IPv4', () => {
    expect(new Trust(['0.0.0.0/0']).holdsText('203.0.113.1')).toBe(true);
    expect(new Trust(['0.0.0.0/0']).holdsText('2001:db8::1')).toBe(false);
    expect(new Trust(['::/0']).holdsText('2001:db8::1')).toBe(true);
  });
  test.each([
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/08',
    'fd00::1/8',
    'loopback',
    '::/129',
  ])('%s is no network', (text) => {
    expect(NetworkText.safeParse(text).success).toBe(false);
  });
});
