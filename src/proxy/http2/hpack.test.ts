import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts';
import { type HeaderField, staticTable } from './header-table.ts';
import { CompressionError, HpackDecoder, HpackEncoder } from './hpack.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const decoder = (tableBytes = 4096, listBytes = 65_536): HpackDecoder =>
  new HpackDecoder(tableBytes, listBytes);

describe('the vectors of RFC 7541 Appendix C', () => {
  const get = (...more: HeaderField[]): HeaderField[] => [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
    ...more,
  ];
  const third: HeaderField[] = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ];
  test.each([
    [
      'C.2.1',
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      ['custom-key', 'custom-header'],
      55,
    ],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', [':path', '/sample/path'], 0],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', ['password', 'secret'], 0],
    ['C.2.4', '82', [':method', 'GET'], 0],
  ] as const)('%s', (_name, block, field, size) => {
    const reader = decoder();
    expect(reader.decode(hex(block)).fields).toEqual([[...field]]);
    expect(reader.tableSize).toBe(size);
  });
  test.each([
    [
      'C.3, plain',
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    [
      'C.4, Huffman',
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  ])('%s', (_name, a, b, c) => {
    const reader = decoder();
    expect(reader.decode(hex(a)).fields).toEqual(get());
    expect(reader.tableSize).toBe(57);
    expect(reader.decode(hex(b)).fields).toEqual(get(['cache-control', 'no-cache']));
    expect(reader.tableSize).toBe(110);
    expect(reader.decode(hex(c)).fields).toEqual(third);
    expect(reader.tableSize).toBe(164);
  });
  test('C.6: entries leave a table of 256 octets', () => {
    const reader = decoder(256);
    const answer = (status: string, date: string, ...more: HeaderField[]): HeaderField[] => [
      [':status', status],
      ['cache-control', 'private'],
      ['date', `Mon, 21 Oct 2013 20:13:${date} GMT`],
      ['location', 'https://www.example.com'],
      ...more,
    ];
    const first = hex(
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
    );
    expect(reader.decode(first).fields).toEqual(answer('302', '21'));
    expect(reader.tableSize).toBe(222);
    expect(reader.decode(hex('4883 640e ffc1 c0bf')).fields).toEqual(answer('307', '21'));
    expect(reader.tableSize).toBe(222);
  });
});

describe('Huffman code', () => {
  test('of any text is read as that text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        const text = Buffer.from(octets).toString('latin1');
        const packed: number[] = [];
        encodeHuffman(text, packed);
        expect(packed).toHaveLength(huffmanLength(text));
        expect(decodeHuffman(Uint8Array.from(packed), 0, packed.length)).toBe(text);
      }),
    );
  });
  test.each([
    ['with the end of string in it', 'ffffffff'],
    ['filled up with eight ones', '1fff'],
    ['filled up with zeros', '18'],
  ])('%s is refused', (_what, block) => {
    const bytes = hex(block);
    expect(decodeHuffman(bytes, 0, bytes.length)).toBeNull();
  });
});

describe('a header block', () => {
  test('that is written is read as it was, through changes of the table', () => {
    const name = fc.constantFrom('a', 'content-type', 'x-long-name', 'set-cookie', ':status', 'date');
    const field = fc.tuple(name, fc.string({ unit: 'binary-ascii', maxLength: 60 }));
    fc.assert(
      fc.property(
        fc.array(fc.record({ fields: fc.array(field, { maxLength: 12 }), size: fc.option(fc.nat(5000)) })),
        (blocks) => {
          const writer = new HpackEncoder();
          const reader = decoder(4096);
          for (const { fields, size } of blocks) {
            if (size !== null) writer.allow(size);
            expect(reader.decode(writer.encode(fields)).fields).toEqual(fields);
          }
        },
      ),
    );
  });
  test('of any bytes is read or refused, and a table never outgrows its limit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (block) => {
        const reader = decoder(200, 1000);
        try {
          reader.decode(block);
        } catch (error) {
          expect(error).toBeInstanceOf(CompressionError);
        }
        expect(reader.tableSize).toBeLessThanOrEqual(200);
      }),
    );
  });
  test.each([
    ['index 0', '80'],
    ['an index in no table', 'c6'],
    ['a name with an index in no table', '7f 20 00'],
    ['a table size after a field', '82 20'],
    ['a table size beyond the one allowed', '3f e2 1f'],
    ['an end within an integer', 'ff'],
    ['an end within a string', '40 0a 61'],
    ['an integer without end', 'ff 80 80 80 80 80 80 80 80 80 80 01'],
    ['an integer that is too large', 'ff ff ff ff ff 7f'],
  ])('with %s is refused', (_what, block) => {
    expect(() => decoder().decode(hex(block))).toThrow(CompressionError);
  });
  test('with more than is allowed is read to its end, and said to be too large', () => {
    const reader = decoder(4096, 100);
    // One entry that is put in the table, then named again and again.
    const block = Uint8Array.from([...hex('400161 0162'), ...new Uint8Array(1000).fill(0xbe)]);
    const { fields, tooLarge } = reader.decode(block);
    expect(tooLarge).toBe(true);
    expect(fields).toHaveLength(2);
    expect(reader.decode(hex('be')).fields).toEqual([['a', 'b']]);
  });
  test('with a secret does not put it in a table', () => {
    const writer = new HpackEncoder();
    const once = writer.encode([['set-cookie', 'id=1']]);
    expect(once[0]! & 0xf0).toBe(0x10);
    expect(writer.encode([['set-cookie', 'id=1']])).toEqual(once);
  });
  test('is short the second time', () => {
    const writer = new HpackEncoder();
    const fields: HeaderField[] = [
      [':status', '200'],
      ['content-type', 'text/plain'],
    ];
    writer.encode(fields);
    expect(writer.encode(fields)).toHaveLength(2);
  });
});

test('the static table has its 61 entries in their places', () => {
  expect(staticTable).toHaveLength(61);
  expect(staticTable[7]).toEqual([':status', '200']);
  expect(staticTable[15]).toEqual(['accept-encoding', 'gzip, deflate']);
  expect(staticTable[31]).toEqual(['cookie', '']);
  expect(staticTable[54]).toEqual(['set-cookie', '']);
  expect(staticTable[60]).toEqual(['www-authenticate', '']);
});
