import { formatIp, parseIp } from '../../core/ip.ts';
import type { Trust } from '../../core/trust.ts';
import { Field, fieldOf } from './field.ts';
import { isHost } from './host.ts';
import { ascii, COLON, SP, TAB } from './octets.ts';
import type { RequestHead } from './request-head.ts';

/** Addresses that are kept of what a proxy says; those further back are forgotten. */
const mostHops = 32;
/** What lines of a chain may take at most, without the hosts in them: every address twice, with what stands around it. */
export const chainBytes = 8192;

/** What a request says of the way that it has come; nothing of it is believed yet. */
interface Told {
  for: string;
  proto: string;
  host: string;
  port: string;
  forwarded: string;
}
const keyOf: Readonly<Record<string, keyof Told>> = {
  'x-forwarded-for': 'for',
  'x-forwarded-proto': 'proto',
  'x-forwarded-host': 'host',
  'x-forwarded-port': 'port',
  forwarded: 'forwarded',
};

const textOf = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');

/** Its fields are among those that are cut from every head. A name with `_` is an alias that other filters do not know: not even a trusted proxy means it. */
function toldIn(bytes: Uint8Array, { cuts }: RequestHead): Told {
  const told: Told = { for: '', proto: '', host: '', port: '', forwarded: '' };
  for (let cut = 0; cut < cuts.count; cut++) {
    const line = cuts.from(cut);
    let nameTo = line;
    while (bytes[nameTo] !== COLON) nameTo++;
    if (fieldOf(bytes, line, nameTo - line) !== Field.forwarded) continue;
    const key = keyOf[textOf(bytes, line, nameTo).toLowerCase()];
    if (key === undefined) continue;
    let from = nameTo + 1;
    let to = cuts.to(cut) - 2;
    while (from < to && (bytes[from] === SP || bytes[from] === TAB)) from++;
    while (to > from && (bytes[to - 1] === SP || bytes[to - 1] === TAB)) to--;
    // Several lines are one list (RFC 9110 §5.3).
    told[key] = told[key] === '' ? textOf(bytes, from, to) : `${told[key]}, ${textOf(bytes, from, to)}`;
  }
  return told;
}

const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((element) => element.trim())
    .filter((element) => element !== '');

/** The address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`; null if there is none. */
function addressIn(element: string): string | null {
  const match = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(element) ?? /^([\d.]+):\d{1,5}$/.exec(element);
  const ip = parseIp(match?.[1] ?? element);
  return ip && formatIp(ip);
}

/** One element of a Forwarded field (RFC 7239 §4), by its parameters in lower case; null if it is malformed. */
type Element = ReadonlyMap<string, string>;
const pair = /^\s*([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w:[\]-]+)|"((?:[^"\\]|\\.)*)")\s*(?:([;,])|$)/;
function elementsOf(forwarded: string): Element[] | null {
  const elements = [new Map<string, string>()];
  for (let rest = forwarded; rest !== '';) {
    const match = pair.exec(rest);
    if (!match) return null;
    const [whole, name = '', token, quoted = '', end] = match;
    elements.at(-1)?.set(name.toLowerCase(), token ?? quoted.replace(/\\(.)/g, '$1'));
    if (end === ',') elements.push(new Map<string, string>());
    rest = rest.slice(whole.length);
    if (rest === '' && end !== undefined) return null;
  }
  return elements;
}

/** What is believed of a request that a trusted proxy has passed on. */
interface Believed {
  /** The addresses that it went through before ours, the first one first; without the peer of the connection. */
  readonly hops: readonly string[];
  /** Which of `hops` is the client; -1: the peer itself is. */
  readonly client: number;
  /** Null: as the connection is. */
  readonly proto: string | null;
  readonly host: string | null;
  readonly port: string | null;
}

const nobody: Believed = { hops: [], client: -1, proto: null, host: null, port: null };
const schemes = /^(?:https?|wss?)$/;

function hostIn(text: string | undefined): string | null {
  if (text === undefined) return null;
  const bytes = ascii(text);
  return text.length <= 255 && isHost(bytes, 0, bytes.length) ? text : null;
}

/**
 * Reads the way from its end, which the peer has written, and believes as far as it is trusted: the client is the last address that is
 * not. From an element on that is no address, what stands before it is not taken either. X-Forwarded-For goes before Forwarded:
 * whoever writes the one and leaves the other as it came would have us believe its client.
 */
function believe(told: Told, trust: Trust): Believed {
  const elements = told.for === '' && told.forwarded !== '' ? elementsOf(told.forwarded) : null;
  const written = elements?.map((element) => element.get('for') ?? '') ?? listOf(told.for);
  if (written.length === 0) return { ...nobody, ...said(told, 0, 0) };
  const hops: string[] = [];
  for (let at = written.length - 1; at >= 0 && hops.length < mostHops; at--) {
    const address = addressIn(written[at]!);
    if (address === null) break;
    hops.unshift(address);
  }
  let client = hops.length - 1;
  while (client > 0 && trust.holdsText(hops[client]!)) client--;
  const index = written.length - hops.length + Math.max(client, 0);
  const element = elements?.[index];
  if (element === undefined) return { hops, client, ...said(told, index, written.length) };
  const proto = element.get('proto')?.toLowerCase() ?? '';
  return {
    hops,
    client,
    proto: schemes.test(proto) ? proto : null,
    host: hostIn(element.get('host')),
    port: null,
  };
}

/** X-Forwarded-Proto, -Host and -Port: of lists as long as the way the element of the client, of others the last one. */
function said(told: Told, index: number, length: number): Pick<Believed, 'proto' | 'host' | 'port'> {
  const element = (list: string[]): string | undefined =>
    list.length === length ? list[index] : list.at(-1);
  const proto = element(listOf(told.proto))?.toLowerCase() ?? '';
  const port = element(listOf(told.port)) ?? '';
  return {
    proto: schemes.test(proto) ? proto : null,
    host: hostIn(element(listOf(told.host))),
    port: /^\d{1,5}$/.test(port) ? port : null,
  };
}

const node = (ip: string): string => (ip.includes(':') ? `"[${ip}]"` : ip);

/** The client of a request that `peer`, who is trusted, has passed on. */
export function clientOf(bytes: Uint8Array, head: RequestHead, trust: Trust, peer: string): string {
  const { hops, client } = believe(toldIn(bytes, head), trust);
  return hops[client] ?? peer;
}

/**
 * The lines that say who the client is, as `ForwardedLines` makes them, for a request that `peer`, who is trusted, has passed on: what
 * was said is extended by the peer. Both kinds of lines are made of one way, so that they never contradict each other.
 *
 * @param secure the peer's connection has TLS
 */
export function chainLines(
  bytes: Uint8Array,
  head: RequestHead,
  trust: Trust,
  peer: string,
  secure: boolean,
  host: string,
): Uint8Array {
  const told = believe(toldIn(bytes, head), trust);
  const own = secure ? 'https' : 'http';
  const proto = told.proto ?? own;
  const asked = told.host ?? host;
  const way = told.hops.map((hop, at) =>
    at === told.client ? `for=${node(hop)};host="${asked}";proto=${proto}` : `for=${node(hop)}`,
  );
  // The peer is the client if nobody else was named: then what it says of itself is said of the client.
  const last = way.length === 0 ? `host="${asked}";proto=${proto}` : `host="${host}";proto=${own}`;
  return ascii(
    `X-Forwarded-For: ${[...told.hops, peer].join(', ')}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: ${asked}\r\n` +
      (told.port === null ? '' : `X-Forwarded-Port: ${told.port}\r\n`) +
      `Forwarded: ${[...way, `for=${node(peer)};${last}`].join(', ')}\r\n\r\n`,
  );
}
