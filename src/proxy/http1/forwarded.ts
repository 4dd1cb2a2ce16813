import { ascii, copy } from './octets.ts';

/**
 * The lines that say who the client is (RFC 7239, and the older X-Forwarded-* that most servers read), with the empty line
 * that ends the head. Only the host differs between requests of one client: it is put into the lines that are there already, and
 * they are made anew only for a host of another length.
 */
export class ForwardedLines {
  private readonly before: Uint8Array;
  private readonly between: Uint8Array;
  private readonly after: Uint8Array;
  private lines = new Uint8Array(0);
  private hostLength = -1;

  /** `client` is the address of the client without a port; an IPv6 address without brackets. */
  constructor(client: string, proto: 'http' | 'https' = 'http') {
    const node = client.includes(':') ? `"[${client}]"` : client;
    this.before = ascii(`X-Forwarded-For: ${client}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: `);
    this.between = ascii(`\r\nForwarded: for=${node};host="`);
    this.after = ascii(`";proto=${proto}\r\n\r\n`);
  }

  /** The lines for the host at `bytes[from, to)`. Valid until they are asked for again. */
  for(bytes: Uint8Array, from: number, to: number): Uint8Array {
    if (to - from !== this.hostLength) this.fit(to - from);
    const { lines } = this;
    const first = this.before.length;
    let i = from;
    while (i < to && lines[first + i - from] === bytes[i]) i++;
    if (i === to) return lines;
    copy(bytes, from, to, lines, first);
    copy(bytes, from, to, lines, first + to - from + this.between.length);
    return lines;
  }

  /** Makes room for a host of this length; what stands in its places is not one yet. */
  private fit(hostLength: number): void {
    const { before, between, after } = this;
    this.hostLength = hostLength;
    this.lines = new Uint8Array(before.length + between.length + after.length + 2 * hostLength);
    this.lines.set(before);
    this.lines.set(between, before.length + hostLength);
    this.lines.set(after, before.length + between.length + 2 * hostLength);
  }
}

/** How many addresses are remembered: with more, all are forgotten and those that come again are remembered anew. */
const most = 4096;

/**
 * The lines of the clients that were seen lately, by address: all connections from one address share them, so that a new
 * connection from a known one makes none.
 */
export class ForwardedLinesByClient {
  private readonly known = new Map<string, ForwardedLines>();
  constructor(private readonly proto: 'http' | 'https') {}

  /** @param remote the address as the socket tells it; undefined or empty if that is gone already */
  of(remote: string | undefined): ForwardedLines {
    const key = remote ?? '';
    let lines = this.known.get(key);
    if (lines !== undefined) return lines;
    if (this.known.size >= most) this.known.clear();
    lines = new ForwardedLines(clientAddress(remote), this.proto);
    this.known.set(key, lines);
    return lines;
  }
}

/** The client's address as the fields want it: an IPv4 address that came over an IPv6 socket is an IPv4 address. */
export const clientAddress = (remote: string | undefined): string =>
  remote === undefined || remote === ''
    ? 'unknown'
    : remote.startsWith('::ffff:') && remote.includes('.')
      ? remote.slice(7)
      : remote;
