import { tokenOctets, targetOctets, valueOctets } from '../http1/octets.ts';
import type { HeaderField } from './header-table.ts';

/** A request that breaks a rule of RFC 9113 §8: its stream ends with PROTOCOL_ERROR, and nothing of it goes on. */
export class MalformedRequest extends Error {
  override readonly name = 'MalformedRequest';
}

/** A request as HTTP/1.1 says it, and what has to be known of it besides. */
export interface RequestText {
  /** The head with its empty line, in Latin-1. */
  readonly head: string;
  /** Of the body, if the client said it; else -1. */
  readonly contentLength: number;
  /** The body goes in chunks: it comes without its length. */
  readonly chunked: boolean;
  /** The response has no content (RFC 9110 §9.3.2). */
  readonly toHead: boolean;
  /** A WebSocket is asked for (RFC 8441): after 101 the stream is a tunnel. */
  readonly tunnel: boolean;
}

/** Of one connection, so that they mean nothing behind it (RFC 9113 §8.2.2). */
const ofConnection = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);
/** Methods whose requests have content: without any they say so (RFC 9110 §8.6). */
const withContent = new Set(['POST', 'PUT', 'PATCH']);

const whole = (text: string, octets: Uint8Array): boolean => {
  for (let i = 0; i < text.length; i++) if (octets[text.charCodeAt(i)] !== 1) return false;
  return true;
};
const isBlank = (octet: number): boolean => octet === 32 || octet === 9;

/** A field of a request or its trailers; throws if a rule of §8.2 is broken. Nothing that gets past it can end a line of HTTP/1. */
function check(name: string, value: string): void {
  if (name === '') throw new MalformedRequest('a field without a name');
  for (let i = 0; i < name.length; i++) {
    const octet = name.charCodeAt(i);
    if (tokenOctets[octet] !== 1 || (octet >= 65 && octet <= 90))
      throw new MalformedRequest('a field name with an octet that is not allowed');
  }
  if (!whole(value, valueOctets)) throw new MalformedRequest(`a control octet in the field ${name}`);
  if (value !== '' && (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))))
    throw new MalformedRequest(`space around the value of the field ${name}`);
  if (ofConnection.has(name)) throw new MalformedRequest(`the field ${name}, which belongs to a connection`);
}

interface Pseudo {
  method: string | null;
  scheme: string | null;
  authority: string | null;
  path: string | null;
  protocol: string | null;
}
const known: Readonly<Record<string, keyof Pseudo>> = {
  ':method': 'method',
  ':scheme': 'scheme',
  ':authority': 'authority',
  ':path': 'path',
  ':protocol': 'protocol',
};

/**
 * Writes the fields of a request as the head of an HTTP/1.1 request, by the rules of RFC 9113 §8.3 and, for WebSockets, RFC 8441 §5.
 * What HTTP/1.1 itself has rules for (the host, limits, methods that are not offered) is left to its parser.
 *
 * @param ends the request has no content
 * @param webSocketKey for a request that asks for a WebSocket: HTTP/1.1 needs one, HTTP/2 has none
 * @throws MalformedRequest
 */
export function requestText(
  fields: readonly HeaderField[],
  ends: boolean,
  webSocketKey: () => string,
): RequestText {
  const pseudo: Pseudo = { method: null, scheme: null, authority: null, path: null, protocol: null };
  let lines = '';
  let cookies = '';
  let host: string | null = null;
  let contentLength = -1;
  let trailers = false;
  let regular = false;
  for (const [name, value] of fields) {
    if (name.charCodeAt(0) === 58) {
      const part = known[name];
      if (regular) throw new MalformedRequest('a pseudo-header field after another field');
      if (part === undefined) throw new MalformedRequest('a pseudo-header field that no request has');
      if (pseudo[part] !== null) throw new MalformedRequest(`${name} repeated`);
      pseudo[part] = value;
      continue;
    }
    regular = true;
    check(name, value);
    switch (name) {
      case 'te':
        if (value.toLowerCase() !== 'trailers') throw new MalformedRequest('te of other than trailers');
        trailers = true;
        break;
      case 'host':
        if (host !== null) throw new MalformedRequest('host repeated');
        host = value;
        break;
      case 'content-length':
        if (contentLength !== -1) throw new MalformedRequest('content-length repeated');
        if (!/^\d{1,15}$/.test(value)) throw new MalformedRequest('content-length is no number');
        contentLength = Number(value);
        break;
      case 'cookie':
        // Crumbs of one field, for the table's sake (§8.2.3); an HTTP/1.1 server reads one line.
        cookies += cookies === '' ? value : `; ${value}`;
        break;
      default:
        lines += `${name}: ${value}\r\n`;
    }
  }
  const { method, protocol } = pseudo;
  if (method === null || method === '' || !whole(method, tokenOctets))
    throw new MalformedRequest(':method missing or malformed');
  if (protocol !== null && method !== 'CONNECT') throw new MalformedRequest(':protocol without CONNECT');
  const authority = authorityOf(pseudo, host);
  const connects = method === 'CONNECT' && protocol === null;
  if (connects && (pseudo.scheme !== null || pseudo.path !== null))
    throw new MalformedRequest('CONNECT with :scheme or :path');
  const path = connects ? authority : pathOf(pseudo);
  if (ends && contentLength > 0) throw new MalformedRequest('content-length of content that does not come');
  // What is no WebSocket stays CONNECT, which is answered with 501.
  const tunnel = protocol === 'websocket' && !ends;
  if (tunnel && contentLength !== -1) throw new MalformedRequest('content-length of a tunnel');
  const chunked = !tunnel && !ends && contentLength === -1;
  let head = `${tunnel ? 'GET' : method} ${path} HTTP/1.1\r\n`;
  if (authority !== '') head += `host: ${authority}\r\n`;
  head += lines;
  if (cookies !== '') head += `cookie: ${cookies}\r\n`;
  if (trailers) head += 'te: trailers\r\n';
  if (chunked) head += 'transfer-encoding: chunked\r\n';
  else if (contentLength !== -1) head += `content-length: ${contentLength}\r\n`;
  else if (ends && withContent.has(method)) head += 'content-length: 0\r\n';
  head += tunnel
    ? `upgrade: websocket\r\nsec-websocket-key: ${webSocketKey()}\r\nconnection: upgrade, close\r\n\r\n`
    : 'connection: close\r\n\r\n';
  return { head, contentLength, chunked, toHead: method === 'HEAD', tunnel };
}

/** §8.3.1: what two readers could take for two hosts is refused. */
function authorityOf({ authority }: Pseudo, host: string | null): string {
  if (authority === null) return host ?? '';
  if (authority === '' || !whole(authority, targetOctets)) throw new MalformedRequest(':authority malformed');
  if (authority.includes('@')) throw new MalformedRequest('user information in :authority');
  if (host !== null && host.toLowerCase() !== authority.toLowerCase())
    throw new MalformedRequest(':authority and host disagree');
  return authority;
}

function pathOf({ scheme, path, method }: Pseudo): string {
  if (scheme !== 'http' && scheme !== 'https')
    throw new MalformedRequest(':scheme is neither http nor https');
  if (path === null || path === '' || !whole(path, targetOctets))
    throw new MalformedRequest(':path missing or malformed');
  if (!path.startsWith('/') && !(path === '*' && method === 'OPTIONS'))
    throw new MalformedRequest(':path does not begin with a slash');
  return path;
}

/**
 * The end of a body in chunks, with its trailers.
 *
 * @throws MalformedRequest
 */
export function trailerText(fields: readonly HeaderField[]): string {
  let text = '0\r\n';
  for (const [name, value] of fields) {
    if (name.startsWith(':')) throw new MalformedRequest('a pseudo-header field among trailers');
    check(name, value);
    text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}
