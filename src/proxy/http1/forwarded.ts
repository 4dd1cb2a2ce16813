import { ascii, copy } from './octets.ts';

/**
 * The lines that say who the client is (RFC 7239, and the older X-Forwarded-* that most servers read), with the empty line
 * that ends the head. They depend on the connection and on the host asked for, so they are made once and kept while
 * the host stays the same.
 *
 * `client` is the address of the client without a port; an IPv6 address without brackets.
 */
export function forwardedLines(
  client: string,
  bytes: Uint8Array,
  hostFrom: number,
  hostTo: number,
  proto: 'http' | 'https' = 'http',
): Uint8Array {
  const node = client.includes(':') ? `"[${client}]"` : client;
  const host = String.fromCharCode(...bytes.subarray(hostFrom, hostTo));
  return ascii(
    `X-Forwarded-For: ${client}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: ${host}\r\n` +
      `Forwarded: for=${node};host="${host}";proto=${proto}\r\n\r\n`,
  );
}

/** The lines made last for one connection. */
export class ForwardedLines {
  private host: Uint8Array | null = null;
  private lines: Uint8Array | null = null;
  constructor(
    private readonly client: string,
    private readonly proto: 'http' | 'https' = 'http',
  ) {}

  /** The lines for the host at `bytes[from, to)`. */
  for(bytes: Uint8Array, from: number, to: number): Uint8Array {
    const { host, lines } = this;
    if (host !== null && lines !== null && host.length === to - from) {
      let i = 0;
      while (i < host.length && host[i] === bytes[from + i]) i++;
      if (i === host.length) return lines;
    }
    const kept = new Uint8Array(to - from);
    copy(bytes, from, to, kept, 0);
    this.host = kept;
    return (this.lines = forwardedLines(this.client, bytes, from, to, this.proto));
  }
}

/** The client's address as the fields want it: an IPv4 address that came over an IPv6 socket is an IPv4 address. */
export const clientAddress = (remote: string | undefined): string =>
  remote === undefined || remote === ''
    ? 'unknown'
    : remote.startsWith('::ffff:') && remote.includes('.')
      ? remote.slice(7)
      : remote;
