import { formatIp, parseIp, isIpv4 } from './ip-data.ts';
import { classes, decodeName, encodeName, types, WireError, type WireRecord } from './wire.ts';

/** Types of records that we write. `ALIAS` is none of the DNS, but of services that resolve it themselves. */
export const recordTypes = ['A', 'AAAA', 'CNAME', 'ALIAS', 'TXT'] as const;
export type RecordType = (typeof recordTypes)[number];

/** All records of a type at a name; without values: there are none. */
export interface RecordSet {
  /** In lower case, without the dot at its end. */
  readonly name: string;
  readonly type: RecordType;
  readonly ttlSeconds: number;
  /** Addresses, host names without the dot at their end, or texts; sorted. */
  readonly values: readonly string[];
}

export const sameValues = (a: RecordSet, b: RecordSet): boolean =>
  JSON.stringify([...a.values].sort()) === JSON.stringify([...b.values].sort());

/** Also in their time to live, which nothing has that is not there. */
export const sameSet = (a: RecordSet, b: RecordSet): boolean =>
  sameValues(a, b) && (a.values.length === 0 || a.ttlSeconds === b.ttlSeconds);

export const formatSet = ({ name, type, values }: RecordSet): string =>
  `${name} ${type} ${values.length === 0 ? '(none)' : type === 'TXT' ? '(text)' : values.join(', ')}`;

const longestString = 255;

/** @throws WireError */
export function encodeValue(type: Exclude<RecordType, 'ALIAS'>, value: string): Buffer {
  if (type === 'CNAME') return encodeName(value);
  if (type === 'TXT') {
    const text = Buffer.from(value, 'utf8');
    const parts: Buffer[] = [];
    for (let at = 0; at === 0 || at < text.length; at += longestString) {
      const part = text.subarray(at, at + longestString);
      parts.push(Buffer.of(part.length), part);
    }
    return Buffer.concat(parts);
  }
  const ip = parseIp(value);
  if (ip === null || isIpv4(ip) !== (type === 'A'))
    throw new WireError(`expected an address for ${type}, found ${value}`);
  return Buffer.from(type === 'A' ? ip.subarray(12) : ip);
}

/** The value of a record that was read; its data may point into the message. @throws WireError */
export function decodeValue(
  type: Exclude<RecordType, 'ALIAS'>,
  message: Uint8Array,
  { data, at = 0 }: WireRecord,
): string {
  switch (type) {
    case 'CNAME':
      return decodeName(message, at).name;
    case 'TXT': {
      const parts: Uint8Array[] = [];
      for (let next = 0; next < data.length;) {
        const length = data[next] ?? 0;
        if (next + 1 + length > data.length) throw new WireError('a text is cut off');
        parts.push(data.subarray(next + 1, next + 1 + length));
        next += 1 + length;
      }
      return Buffer.concat(parts).toString('utf8');
    }
    case 'A':
    case 'AAAA':
      if (data.length !== (type === 'A' ? 4 : 16))
        throw new WireError(`expected an address for ${type}, found ${data.length} bytes`);
      return formatIp(data);
  }
}

const record = (set: RecordSet, of: number, ttl: number, value: string | null): WireRecord => {
  if (set.type === 'ALIAS') throw new WireError('expected a type of the DNS, found ALIAS');
  const data = value === null ? Buffer.alloc(0) : encodeValue(set.type, value);
  return { name: set.name, type: types[set.type], class: of, ttl, data };
};

/** Prerequisites that the set is there exactly as it is, or not at all (RFC 2136 §2.4.2, §2.4.3). */
export const prerequisitesOf = (set: RecordSet): WireRecord[] =>
  set.values.length === 0
    ? [record(set, classes.NONE, 0, null)]
    : set.values.map((value) => record(set, classes.IN, 0, value));

/**
 * Puts the sets in the place of whatever is there (RFC 2136 §2.5.2, §2.5.1). All that goes is taken away first: an address is left out silently
 * where a CNAME still stands.
 */
export const updatesOf = (sets: readonly RecordSet[]): WireRecord[] => [
  ...sets.map((set) => record(set, classes.ANY, 0, null)),
  ...sets.flatMap((set) => set.values.map((value) => record(set, classes.IN, set.ttlSeconds, value))),
];
