import { ascii, isName } from './octets.ts';

/** The fields that a proxy itself reads, cuts or replaces; all others pass untouched. */
export const Field = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  upgrade: 5,
  expect: 6,
  te: 7,
  /** Belongs to one connection only and says nothing we need: cut. */
  hop: 8,
  /** Says who the client is; only we may say that: cut and replaced. */
  forwarded: 9,
  keepAlive: 10,
} as const;
export type Field = (typeof Field)[keyof typeof Field];

const names = {
  te: ascii('te'),
  host: ascii('host'),
  expect: ascii('expect'),
  upgrade: ascii('upgrade'),
  forwarded: ascii('forwarded'),
  realIp: ascii('x-real-ip'),
  connection: ascii('connection'),
  keepAlive: ascii('keep-alive'),
  contentLength: ascii('content-length'),
  proxyConnection: ascii('proxy-connection'),
  transferEncoding: ascii('transfer-encoding'),
  xForwarded: ascii('x-forwarded-'),
};

/**
 * Which of them the name at `bytes[from, from + length)` is, in any case and with `_` for `-`. One switch on the length
 * keeps the common field to one comparison of numbers.
 */
export function fieldOf(bytes: Uint8Array, from: number, length: number): Field {
  switch (length) {
    case 2:
      return isName(bytes, from, names.te) ? Field.te : Field.other;
    case 4:
      return isName(bytes, from, names.host) ? Field.host : Field.other;
    case 6:
      return isName(bytes, from, names.expect) ? Field.expect : Field.other;
    case 7:
      return isName(bytes, from, names.upgrade) ? Field.upgrade : Field.other;
    case 9:
      return isName(bytes, from, names.forwarded) || isName(bytes, from, names.realIp)
        ? Field.forwarded
        : Field.other;
    case 10:
      if (isName(bytes, from, names.connection)) return Field.connection;
      return isName(bytes, from, names.keepAlive) ? Field.keepAlive : Field.other;
    case 14:
      return isName(bytes, from, names.contentLength) ? Field.contentLength : Field.other;
    default:
      if (length < 13) return Field.other;
      if (isName(bytes, from, names.xForwarded)) return Field.forwarded;
      if (length === 16 && isName(bytes, from, names.proxyConnection)) return Field.hop;
      return length === 17 && isName(bytes, from, names.transferEncoding)
        ? Field.transferEncoding
        : Field.other;
  }
}

/** Lines to leave out when a head is copied: ranges of bytes in rising order. Reused from head to head. */
export class Cuts {
  count = 0;
  private ranges: Int32Array;
  constructor(fields: number) {
    this.ranges = new Int32Array(2 * fields);
  }
  add(from: number, to: number): void {
    this.ranges[2 * this.count] = from;
    this.ranges[2 * this.count + 1] = to;
    this.count++;
  }
  from(index: number): number {
    return this.ranges[2 * index]!;
  }
  to(index: number): number {
    return this.ranges[2 * index + 1]!;
  }
  /** Whether a range begins there. */
  has(from: number): boolean {
    for (let i = 0; i < this.count; i++) if (this.from(i) === from) return true;
    return false;
  }
  /** Adds a range wherever it belongs; one that is there already is not added twice. */
  insert(from: number, to: number): void {
    let at = this.count;
    while (at > 0 && this.from(at - 1) >= from) at--;
    if (at < this.count && this.from(at) === from) return;
    this.ranges.copyWithin(2 * at + 2, 2 * at, 2 * this.count);
    this.ranges[2 * at] = from;
    this.ranges[2 * at + 1] = to;
    this.count++;
  }
}
