/** A header field: a name in lower case and a value, in Latin-1. */
export type HeaderField = readonly [name: string, value: string];

/** RFC 7541 Appendix A: index 1 comes first. */
export const staticTable: readonly HeaderField[] = [
  [':authority', ''],
  ...(['GET', 'POST'] as const).map((method): HeaderField => [':method', method]),
  ...(['/', '/index.html'] as const).map((path): HeaderField => [':path', path]),
  ...(['http', 'https'] as const).map((scheme): HeaderField => [':scheme', scheme]),
  ...['200', '204', '206', '304', '400', '404', '500'].map((status): HeaderField => [':status', status]),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    ...['accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin', 'age', 'allow'],
    ...['authorization', 'cache-control', 'content-disposition', 'content-encoding', 'content-language'],
    ...['content-length', 'content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag'],
    ...['expect', 'expires', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range'],
    ...['if-unmodified-since', 'last-modified', 'link', 'location', 'max-forwards', 'proxy-authenticate'],
    ...['proxy-authorization', 'range', 'referer', 'refresh', 'retry-after', 'server', 'set-cookie'],
    ...['strict-transport-security', 'transfer-encoding', 'user-agent', 'vary', 'via', 'www-authenticate'],
  ].map((name): HeaderField => [name, '']),
];

/** What an entry counts beyond its octets (RFC 7541 §4.1). */
export const entryOverhead = 32;
export const sizeOf = ([name, value]: HeaderField): number => name.length + value.length + entryOverhead;

/** The dynamic table of one direction of one connection (RFC 7541 §2.3.2): the newest entry has the lowest index. */
export class HeaderTable {
  /** The oldest first. */
  private entries: HeaderField[] = [];
  private bytes = 0;

  constructor(private limit: number) {}

  get size(): number {
    return this.bytes;
  }
  get maximum(): number {
    return this.limit;
  }

  /** Makes it smaller or larger; the oldest entries go if it has to (§4.3). */
  resize(limit: number): void {
    this.limit = limit;
    this.evict(0);
  }

  /** One that is larger than the table empties it, which is no error (§4.4). */
  add(field: HeaderField): void {
    const size = sizeOf(field);
    this.evict(size);
    if (size > this.limit) return;
    this.entries.push(field);
    this.bytes += size;
  }

  /** By index over both tables, from 1; undefined if there is none. */
  at(index: number): HeaderField | undefined {
    return index <= staticTable.length
      ? staticTable[index - 1]
      : this.entries[this.entries.length - (index - staticTable.length)];
  }

  /** The index of the field: positive if name and value are there, negative if only the name is, 0 if neither is. */
  find([name, value]: HeaderField): number {
    let named = 0;
    for (let i = 0; i < staticTable.length; i++) {
      const [itsName, itsValue] = staticTable[i]!;
      if (itsName !== name) continue;
      if (itsValue === value) return i + 1;
      named ||= i + 1;
    }
    for (let i = this.entries.length - 1; i >= 0; i--) {
      const [itsName, itsValue] = this.entries[i]!;
      if (itsName !== name) continue;
      const index = staticTable.length + this.entries.length - i;
      if (itsValue === value) return index;
      named ||= index;
    }
    return -named;
  }

  private evict(room: number): void {
    let gone = 0;
    while (gone < this.entries.length && this.bytes + room > this.limit)
      this.bytes -= sizeOf(this.entries[gone++]!);
    if (gone > 0) this.entries = this.entries.slice(gone);
  }
}
