import { STATUS_CODES } from 'node:http';
import { tokenOctets, valueOctets } from '../http1/octets.ts';
import type { HeaderField } from './header-table.ts';

/** What an instance says is no response (RFC 9113 §8.1.1). */
export class MalformedResponse extends Error {
  override readonly name = 'MalformedResponse';
}

/** How the end of the body is told to a client in HTTP/1.1. */
export type ResponseBody = 'none' | 'length' | 'chunked';

export interface ResponseText {
  readonly status: number;
  /** The head in HTTP/1.1, with the empty line at its end; in Latin-1. */
  readonly text: string;
  readonly body: ResponseBody;
  /** Bytes of the body if that is `length`. */
  readonly length: number;
}

/** Belong to one connection of HTTP/1.1; a message that has one is malformed (§8.2.2). */
const ofConnection = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
]);

/**
 * Translates the header block of a response to HTTP/1.1.
 *
 * @param ends no body follows
 * @param toHead the request was HEAD, whose response has no body whatever its fields say
 * @throws MalformedResponse for what RFC 9113 §8.2 and §8.3 do not allow
 */
export function responseText(fields: readonly HeaderField[], ends: boolean, toHead: boolean): ResponseText {
  const [first] = fields;
  if (first?.[0] !== ':status' || !/^[1-5]\d\d$/.test(first[1]))
    throw new MalformedResponse('a response without a status');
  const status = Number(first[1]);
  let length = -1;
  let grpc = false;
  const lines: string[] = [];
  for (let at = 1; at < fields.length; at++) {
    const [name, value] = fields[at]!;
    checkField(name, value);
    if (name === 'content-length') {
      if (length !== -1 || !/^\d{1,15}$/.test(value))
        throw new MalformedResponse('a malformed content-length');
      length = Number(value);
      continue;
    }
    if (name === 'content-type') grpc = value.startsWith('application/grpc');
    lines.push(`${name}: ${value}\r\n`);
  }
  if (status === 101) throw new MalformedResponse('status 101, which HTTP/2 does not have');
  const bare = status < 200 || status === 204 || status === 304 || toHead;
  if (status < 200 && ends) throw new MalformedResponse('an interim response that is the last');
  if (ends && length > 0 && !bare)
    throw new MalformedResponse('a body that is shorter than its content-length');
  let body: ResponseBody = 'none';
  if (bare) {
    if (length !== -1 && status >= 200 && status !== 204) lines.push(`content-length: ${length}\r\n`);
  } else if (ends) lines.push('content-length: 0\r\n');
  // What tells how a call ended is in the trailers, which a body with a length has not in HTTP/1.1.
  else if (length !== -1 && !grpc) {
    lines.push(`content-length: ${length}\r\n`);
    body = length === 0 ? 'none' : 'length';
  } else {
    lines.push('transfer-encoding: chunked\r\n');
    body = 'chunked';
  }
  const text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`;
  return { status, text, body, length: Math.max(0, length) };
}

/**
 * Translates the trailers of a response to what ends a chunked body.
 *
 * @throws MalformedResponse as `responseText`
 */
export function trailerText(fields: readonly HeaderField[]): string {
  let text = '0\r\n';
  for (const [name, value] of fields) {
    checkField(name, value);
    text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

/** §8.2.1: what could be read in another way once it is a line of text is no field. */
function checkField(name: string, value: string): void {
  if (name.startsWith(':')) throw new MalformedResponse(`the pseudo-field ${name} where none may be`);
  if (name === '' || ofConnection.has(name))
    throw new MalformedResponse(name === '' ? 'a field without a name' : `the field ${name} of HTTP/1.1`);
  for (let i = 0; i < name.length; i++) {
    const octet = name.charCodeAt(i);
    if (tokenOctets[octet] !== 1 || (octet >= 65 && octet <= 90))
      throw new MalformedResponse('a field name that is none');
  }
  for (let i = 0; i < value.length; i++)
    if (valueOctets[value.charCodeAt(i)] !== 1) throw new MalformedResponse(`a control octet in ${name}`);
  if (/^[ \t]|[ \t]$/.test(value)) throw new MalformedResponse(`space around the value of ${name}`);
}
