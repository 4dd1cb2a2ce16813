import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { formatIp, parseIp } from '../../core/ip.ts';
import { crc32c } from './crc32c.ts';
import { type Ends, longestHeader, parseProxyHeader, renderProxyHeader } from './header.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const read = (of: Uint8Array) => parseProxyHeader(of, of.length);
const four: Ends = {
  source: { ip: '192.0.2.1', port: 56324 },
  destination: { ip: '198.51.100.2', port: 443 },
};
const six: Ends = { source: { ip: '2001:db8::1', port: 1 }, destination: { ip: '::1', port: 65535 } };
const signature = '\r\n\r\n\0\r\nQUIT\n';
const two = (command: number, family: number, rest: string): Uint8Array =>
  bytes(signature + String.fromCharCode(0x20 | command, family, rest.length >> 8, rest.length & 255) + rest);
const addresses = '\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb';
const tlv = (type: number, value: string): string =>
  String.fromCharCode(type, value.length >> 8, value.length & 255) + value;
/** A header with the right CRC32c in it. */
function checked(more: string): Uint8Array {
  const header = Buffer.from(two(1, 0x11, addresses + tlv(3, '\0\0\0\0') + more));
  header.writeUInt32BE(crc32c(header, 0, header.length), 16 + 12 + 3);
  return header;
}

describe('a PROXY header', () => {
  test.each([
    ['version 1 over IPv4', bytes('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n'), four],
    ['version 1 over IPv6', bytes('PROXY TCP6 2001:db8::1 ::1 1 65535\r\n'), six],
    ['version 1 of nobody', bytes('PROXY UNKNOWN\r\n'), null],
    ['version 1 of nobody, with more', bytes('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), null],
    ['version 2 over IPv4', two(1, 0x11, addresses), four],
    [
      'version 2 with TLVs',
      two(1, 0x11, addresses + tlv(1, 'h2') + tlv(4, '') + tlv(0xea, 'x'.repeat(300))),
      four,
    ],
    ['version 2 with a checksum', checked(tlv(2, 'shop.example')), four],
    ['version 2, LOCAL, whatever it holds', two(0, 0x77, 'anything'), null],
    ['version 2 of no family', two(1, 0x00, 'anything'), null],
    ['version 2 of a unix socket', two(1, 0x31, '\0'.repeat(216)), null],
    ['version 2 of datagrams', two(1, 0x12, addresses), null],
  ] as const)('%s is read, and what follows is left', (_, header, ends) => {
    expect(read(header)).toEqual({ kind: 'whole', length: header.length, ends });
    const more = Buffer.concat([header, bytes('GET / HTTP/1.1\r\n')]);
    expect(read(more)).toEqual({ kind: 'whole', length: header.length, ends });
    for (let to = 0; to < header.length; to++) expect(parseProxyHeader(header, to).kind).toBe('partial');
  });

  test.each([
    ['a request', bytes('GET / HTTP/1.1\r\n')],
    ['a request that begins alike', bytes('PROPFIND / HTTP/1.1\r\n')],
    ['TLS', bytes('\x16\x03\x01')],
    ['another family', bytes('PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n')],
    ['a family that the addresses are not of', bytes('PROXY TCP4 ::1 ::1 1 2\r\n')],
    ['a leading zero', bytes('PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n')],
    ['a port too high', bytes('PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n')],
    ['two spaces', bytes('PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n')],
    ['one word more', bytes('PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n')],
    ['a bare line feed', bytes('PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n')],
    ['a line too long', bytes(`PROXY UNKNOWN ${'x'.repeat(100)}\r\n`)],
    ['another version', bytes(`${signature}\x11\x11\0\x0c${addresses}`)],
    ['another command', two(2, 0x11, addresses)],
    ['an unknown family', two(1, 0x41, addresses)],
    ['addresses cut off', two(1, 0x21, addresses)],
    ['a TLV cut off', two(1, 0x11, `${addresses}\x01\0\x05h2`)],
    ['a TLV without its length', two(1, 0x11, `${addresses}\x01\0`)],
    ['a wrong checksum', two(1, 0x11, addresses + tlv(3, 'abcd'))],
    ['a checksum of three octets', two(1, 0x11, addresses + tlv(3, 'abc'))],
    ['more than it may be', two(1, 0x11, addresses + tlv(0xea, 'x'.repeat(longestHeader)))],
  ])('%s is none', (_, header) => {
    expect(read(header).kind).toBe('wrong');
  });

  test('that lacks one bit does not pass its checksum', () => {
    const header = checked(tlv(2, 'shop.example'));
    const type = 16 + 12;
    for (let at = 16; at < header.length; at++) {
      // As another TLV it is no checksum.
      if (at === type) continue;
      const broken = Buffer.from(header);
      broken[at]! ^= 4;
      expect(read(broken).kind).toBe('wrong');
    }
  });

  test('that was written is read as what was written', () => {
    const ip = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => formatIp(parseIp(text)!));
    const end = fc.record({ ip, port: fc.integer({ min: 0, max: 65535 }) });
    fc.assert(
      fc.property(end, end, fc.constantFrom('v1' as const, 'v2' as const), (source, destination, version) => {
        const ends = { source, destination };
        const header = renderProxyHeader(version, ends);
        expect(read(header)).toEqual({ kind: 'whole', length: header.length, ends });
      }),
    );
    expect(read(renderProxyHeader('v1', null))).toMatchObject({ kind: 'whole', ends: null });
    expect(read(renderProxyHeader('v2', null))).toMatchObject({ kind: 'whole', ends: null });
  });

  test('is bounded and never read beyond its end, whatever the bytes', () => {
    const begun = fc.constantFrom(
      signature,
      `${signature}\x21\x11`,
      'PROXY ',
      'PROXY TCP4 ',
      `${signature}\x21\x21\0\x30`,
    );
    fc.assert(
      fc.property(begun, fc.uint8Array({ maxLength: 400 }), (start, rest) => {
        const all = Buffer.concat([bytes(start), rest]);
        const header = read(all);
        if (header.kind === 'whole') {
          expect(header.length).toBeLessThanOrEqual(all.length);
          // What is whole is so from its last byte on, and what follows changes nothing.
          expect(parseProxyHeader(all, header.length)).toEqual(header);
          expect(parseProxyHeader(all, header.length - 1).kind).toBe('partial');
        }
      }),
      { numRuns: 3000 },
    );
  });
  test('never stays partial beyond the longest one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: longestHeader, maxLength: longestHeader }), (rest) => {
        for (const start of [signature, 'PROXY '])
          expect(read(Buffer.concat([bytes(start), rest])).kind).not.toBe('partial');
      }),
      { numRuns: 100 },
    );
  });
});

test('CRC32c is that of RFC 3720 appendix B.4', () => {
  expect(crc32c(new Uint8Array(32), 0, 32)).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255), 0, 32)).toBe(0x62a8ab43);
  expect(crc32c(bytes('123456789'), 0, 9)).toBe(0xe3069283);
});
