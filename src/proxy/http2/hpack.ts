import { decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts';
import { type HeaderField, HeaderTable, sizeOf } from './header-table.ts';

/** A header block that does not follow RFC 7541: the connection is to be closed with COMPRESSION_ERROR. */
export class CompressionError extends Error {
  override readonly name = 'CompressionError';
}

/** Beyond this no integer here means anything; it also keeps the arithmetic exact. */
const maxInteger = 2 ** 28;

/** What a block says. */
export interface DecodedBlock {
  readonly fields: readonly HeaderField[];
  /** The fields were more than allowed, counted as SETTINGS_MAX_HEADER_LIST_SIZE does; `fields` ends before the first that was too much. */
  readonly tooLarge: boolean;
}

/** Reads the header blocks of one direction of one connection, in order: each changes the table that the next is read with. */
export class HpackDecoder {
  private readonly table: HeaderTable;
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;

  /**
   * @param tableBytes what we said in SETTINGS_HEADER_TABLE_SIZE
   * @param listBytes of all fields of a block (RFC 9113 §6.5.2); what is more is read, for the table's sake, but not kept
   */
  constructor(
    private readonly tableBytes: number,
    private readonly listBytes: number,
  ) {
    this.table = new HeaderTable(tableBytes);
  }

  /** Bytes that the dynamic table counts now. */
  get tableSize(): number {
    return this.table.size;
  }

  /** Reads one whole block. Throws `CompressionError`; nothing may be read after that. */
  decode(block: Uint8Array): DecodedBlock {
    this.bytes = block;
    this.at = 0;
    const fields: HeaderField[] = [];
    let room = this.listBytes;
    let begun = false;
    while (this.at < block.length) {
      const octet = block[this.at]!;
      if ((octet & 0xe0) === 0x20) {
        // Only before the first field (§4.2), and never beyond what we allowed (§6.3).
        if (begun) throw new CompressionError('a table size update after a field');
        const size = this.integer(5);
        if (size > this.tableBytes) throw new CompressionError('a table size beyond the one allowed');
        this.table.resize(size);
        continue;
      }
      begun = true;
      const field = this.field(octet);
      room -= sizeOf(field);
      if (room >= 0) fields.push(field);
    }
    this.bytes = new Uint8Array(0);
    return { fields, tooLarge: room < 0 };
  }

  private field(octet: number): HeaderField {
    if (octet & 0x80) return this.indexed(this.integer(7));
    const adds = (octet & 0x40) !== 0;
    const index = this.integer(adds ? 6 : 4);
    const name = index === 0 ? this.text() : this.indexed(index)[0];
    const field: HeaderField = [name, this.text()];
    if (adds) this.table.add(field);
    return field;
  }

  private indexed(index: number): HeaderField {
    const field = index === 0 ? undefined : this.table.at(index);
    if (field === undefined) throw new CompressionError(`index ${index} is in no table`);
    return field;
  }

  /** §5.1: an integer whose first bits share an octet with other things. */
  private integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.octet() & mask;
    if (value < mask) return value;
    for (let factor = 1; ; factor *= 128) {
      const octet = this.octet();
      value += (octet & 0x7f) * factor;
      if (value > maxInteger || factor > maxInteger)
        throw new CompressionError('an integer that is too large');
      if (octet < 0x80) return value;
    }
  }

  /** §5.2 */
  private text(): string {
    const huffman = ((this.bytes[this.at] ?? 0) & 0x80) !== 0;
    const length = this.integer(7);
    const from = this.at;
    const to = from + length;
    if (to > this.bytes.length) throw new CompressionError('a string beyond the end of the block');
    this.at = to;
    if (!huffman)
      return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + from, length).toString('latin1');
    const text = decodeHuffman(this.bytes, from, to);
    if (text === null) throw new CompressionError('a string that is no Huffman code');
    return text;
  }

  private octet(): number {
    const octet = this.bytes[this.at++];
    if (octet === undefined) throw new CompressionError('the block ends within a field');
    return octet;
  }
}

/** Never put in a table, here or by anyone behind (§7.1.3): a secret in a table can be guessed by what others are packed to. */
const secret = new Set(['authorization', 'proxy-authorization', 'set-cookie', 'cookie']);
/** Another value each time: they would only push out what comes again. */
const fleeting = new Set([
  ...['age', 'content-length', 'content-range', 'date', 'etag', 'expires', 'last-modified', 'location'],
  ...[':path', 'if-modified-since', 'if-none-match'],
]);

/** Writes the header blocks of one direction of one connection, in order. */
export class HpackEncoder {
  private readonly table: HeaderTable;
  /** Sizes that the peer asked for since the last block: the lowest and the last have to be told (§4.2). */
  private lowest: number | null = null;
  private last: number | null = null;

  /** @param tableBytes the most that we keep, whatever the peer allows */
  constructor(private readonly tableBytes = 4096) {
    this.table = new HeaderTable(Math.min(tableBytes, 4096));
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  allow(bytes: number): void {
    const size = Math.min(bytes, this.tableBytes);
    this.lowest = Math.min(this.lowest ?? size, size);
    this.last = size;
  }

  encode(fields: readonly HeaderField[]): Uint8Array {
    const block: number[] = [];
    if (this.last !== null && this.lowest !== null) {
      if (this.lowest < this.last) this.resize(this.lowest, block);
      if (this.last !== this.table.maximum || this.lowest < this.last) this.resize(this.last, block);
      this.lowest = this.last = null;
    }
    for (const field of fields) this.write(field, block);
    return Uint8Array.from(block);
  }

  private resize(size: number, block: number[]): void {
    this.table.resize(size);
    integer(size, 5, 0x20, block);
  }

  private write(field: HeaderField, block: number[]): void {
    const [name, value] = field;
    const found = this.table.find(field);
    const hidden = secret.has(name);
    if (found > 0 && !hidden) return integer(found, 7, 0x80, block);
    const named = Math.abs(found);
    const adds = !hidden && !fleeting.has(name) && sizeOf(field) <= this.table.maximum / 2;
    if (adds) integer(named, 6, 0x40, block);
    else integer(named, 4, hidden ? 0x10 : 0, block);
    if (named === 0) text(name, block);
    text(value, block);
    if (adds) this.table.add(field);
  }
}

function integer(value: number, prefixBits: number, flags: number, target: number[]): void {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) {
    target.push(flags | value);
    return;
  }
  target.push(flags | mask);
  value -= mask;
  for (; value >= 128; value = Math.floor(value / 128)) target.push((value % 128) | 0x80);
  target.push(value);
}

/** By Huffman where that is shorter. */
function text(value: string, target: number[]): void {
  const packed = huffmanLength(value);
  if (packed < value.length) {
    integer(packed, 7, 0x80, target);
    encodeHuffman(value, target);
    return;
  }
  integer(value.length, 7, 0, target);
  for (let i = 0; i < value.length; i++) target.push(value.charCodeAt(i) & 0xff);
}
