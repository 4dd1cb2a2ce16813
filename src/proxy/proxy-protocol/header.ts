import { formatIp, ipv4, isIpv4, parseIp } from '../../core/ip.ts';
import { ownHeader, proxySignature as signature, type ProxyVersion } from '../../core/proxy-header.ts';
import { ascii } from '../http1/octets.ts';
import { crc32c } from './crc32c.ts';

/** An IP address, as `formatIp` writes it, and a port. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

/** The two ends of a client's connection: whom it came from and where it went. */
export interface Ends {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** What the beginning of a connection says by the PROXY protocol. */
export type ProxyHeader =
  /** More bytes are needed. */
  | { readonly kind: 'partial' }
  /** It is none. */
  | { readonly kind: 'wrong'; readonly why: string }
  /** `length` bytes of header. `ends` is null if the connection speaks for itself: a health check, or a family that has no IP address. */
  | { readonly kind: 'whole'; readonly length: number; readonly ends: Ends | null };

/** The longest header that is read, its TLVs included. Those in the field have a few hundred bytes. */
export const longestHeader = 4096;
/** Of version 1, its line end included (§2.1). */
const longestLine = 107;
const fixedBytes = 16;
const checksumType = 0x03;

const word = ascii('PROXY ');
const partial: ProxyHeader = { kind: 'partial' };
const wrong = (why: string): ProxyHeader => ({ kind: 'wrong', why });

const begins = (bytes: Uint8Array, to: number, text: Uint8Array): boolean => {
  for (let i = 0; i < text.length && i < to; i++) if (bytes[i] !== text[i]) return false;
  return true;
};

/**
 * Reads the PROXY protocol header, version 1 or 2, that a connection begins with: `bytes[0, to)` is what has come of it.
 * Strict where the document (haproxy.org, proxy-protocol.txt) leaves no choice. Pure and bounded by `longestHeader`.
 */
export function parseProxyHeader(bytes: Uint8Array, to: number): ProxyHeader {
  if (to === 0) return partial;
  if (begins(bytes, to, signature)) return to < fixedBytes ? partial : versionTwo(bytes, to);
  if (begins(bytes, to, word)) return to < word.length ? partial : versionOne(bytes, to);
  return wrong('neither signature');
}

function versionOne(bytes: Uint8Array, to: number): ProxyHeader {
  const end = bytes.subarray(0, Math.min(to, longestLine)).indexOf(10);
  if (end === -1) return to < longestLine ? partial : wrong('a line longer than 107 bytes');
  if (bytes[end - 1] !== 13) return wrong('a line that does not end with CR LF');
  const line = String.fromCharCode(...bytes.subarray(word.length, end - 1));
  const length = end + 1;
  if (line === 'UNKNOWN' || line.startsWith('UNKNOWN ')) return { kind: 'whole', length, ends: null };
  const [family, from = '', target = '', fromPort = '', targetPort = '', ...more] = line.split(' ');
  if (more.length > 0 || (family !== 'TCP4' && family !== 'TCP6'))
    return wrong('another family or more words');
  const source = endpoint(from, fromPort, family === 'TCP4');
  const destination = endpoint(target, targetPort, family === 'TCP4');
  if (source === null || destination === null) return wrong('no address or no port');
  return { kind: 'whole', length, ends: { source, destination } };
}

function endpoint(address: string, port: string, four: boolean): Endpoint | null {
  if (four === address.includes(':') || !/^(?:0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65_535)
    return null;
  const ip = parseIp(address);
  return ip && { ip: formatIp(ip), port: Number(port) };
}

const families = {
  unspecified: 0x00,
  tcp4: 0x11,
  udp4: 0x12,
  tcp6: 0x21,
  udp6: 0x22,
  stream: 0x31,
  datagram: 0x32,
};
const known = new Set(Object.values(families));
/** What addresses and ports take, by family. */
const addressBytes = (family: number): number =>
  family >> 4 === 1 ? 12 : family >> 4 === 2 ? 36 : family >> 4 === 3 ? 216 : 0;

function versionTwo(bytes: Uint8Array, to: number): ProxyHeader {
  const [versionAndCommand, family] = [bytes[12]!, bytes[13]!];
  if (versionAndCommand >> 4 !== 2) return wrong('another version');
  const command = versionAndCommand & 15;
  if (command > 1) return wrong('another command');
  const length = fixedBytes + ((bytes[14]! << 8) | bytes[15]!);
  if (length > longestHeader) return wrong(`a header longer than ${longestHeader} bytes`);
  if (to < length) return partial;
  // Whoever speaks for itself (LOCAL, or no family) is taken as it is, and the rest of the header is not looked at (§2.2).
  if (command === 0 || family === families.unspecified) return { kind: 'whole', length, ends: null };
  if (!known.has(family)) return wrong('another family');
  const addresses = fixedBytes + addressBytes(family);
  if (addresses > length) return wrong('addresses cut off');
  const why = wrongTlvs(bytes, addresses, length);
  if (why !== null) return wrong(why);
  if (family !== families.tcp4 && family !== families.tcp6) return { kind: 'whole', length, ends: null };
  const width = family === families.tcp4 ? 4 : 16;
  const at = (index: number): string => {
    const octets = bytes.slice(fixedBytes + index * width, fixedBytes + (index + 1) * width);
    return formatIp(width === 4 ? ipv4(octets) : octets);
  };
  const port = (index: number): number => {
    const from = fixedBytes + 2 * width + 2 * index;
    return (bytes[from]! << 8) | bytes[from + 1]!;
  };
  return {
    kind: 'whole',
    length,
    ends: { source: { ip: at(0), port: port(0) }, destination: { ip: at(1), port: port(1) } },
  };
}

/** Null if the TLVs fill `bytes[from, to)` exactly and a CRC32c among them is right (§2.2.3); else what is wrong. */
function wrongTlvs(bytes: Uint8Array, from: number, to: number): string | null {
  for (let at = from; at < to;) {
    if (at + 3 > to) return 'a TLV cut off';
    const length = (bytes[at + 1]! << 8) | bytes[at + 2]!;
    if (at + 3 + length > to) return 'a TLV cut off';
    if (bytes[at] === checksumType) {
      if (length !== 4) return 'a checksum of another length';
      const view = new DataView(bytes.buffer, bytes.byteOffset + at + 3, 4);
      if (view.getUint32(0) !== crc32c(bytes, 0, to, at + 3)) return 'another checksum';
    }
    at += 3 + length;
  }
  return null;
}

/** The header that tells an instance of these ends; null: the connection speaks for itself (version 1: UNKNOWN, version 2: LOCAL). */
export function renderProxyHeader(version: ProxyVersion, ends: Ends | null): Uint8Array {
  const source = ends && parseIp(ends.source.ip);
  const destination = ends && parseIp(ends.destination.ip);
  if (!ends || !source || !destination) return ownHeader(version);
  const four = isIpv4(source) && isIpv4(destination);
  if (version === 'v1') {
    // One family for both: an IPv4 address beside an IPv6 one is written as the latter.
    const text = (ip: Uint8Array): string => (four || !isIpv4(ip) ? formatIp(ip) : `::ffff:${formatIp(ip)}`);
    return ascii(
      `PROXY TCP${four ? 4 : 6} ${text(source)} ${text(destination)} ${ends.source.port} ${ends.destination.port}\r\n`,
    );
  }
  const addresses = [source, destination].flatMap((ip) => [...(four ? ip.subarray(12) : ip)]);
  const ports = [ends.source.port, ends.destination.port].flatMap((port) => [port >> 8, port & 255]);
  const family = four ? families.tcp4 : families.tcp6;
  return Uint8Array.of(
    ...signature,
    0x21,
    family,
    0,
    addresses.length + ports.length,
    ...addresses,
    ...ports,
  );
}
