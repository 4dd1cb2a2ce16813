import type { HeaderField } from './header-table.ts';

/** A response head of HTTP/1.1 as HTTP/2 says it (RFC 9113 §8.3.2). */
export interface ResponseFields {
  readonly status: number;
  readonly fields: HeaderField[];
  /** Bytes of the content; -1 if the head does not say. */
  readonly contentLength: number;
  readonly chunked: boolean;
  /** `Sec-WebSocket-Accept`: HTTP/2 has none, and it is for us to look at (RFC 8441 §5). */
  readonly webSocketAccept: string | null;
}

/** Of one connection: HTTP/2 has none of them (RFC 9113 §8.2.2). */
const ofConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'upgrade']);

/**
 * Reads the response head at `bytes[from, to)`, which may be followed by more: it was parsed strictly before, or we wrote it.
 *
 * Returns the fields and where the head ends; null if it is not whole.
 */
export function responseFields(
  bytes: Uint8Array,
  from: number,
  to: number,
): { readonly head: ResponseFields; readonly end: number } | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from);
  const empty = view.indexOf('\r\n\r\n', 0, 'latin1');
  if (empty < 0) return null;
  const text = view.toString('latin1', 0, empty);
  const status = Number(text.slice(9, 12));
  const fields: HeaderField[] = [[':status', text.slice(9, 12)]];
  let contentLength = -1;
  let chunked = false;
  let webSocketAccept: string | null = null;
  let line = text.indexOf('\r\n');
  while (line >= 0) {
    const next = text.indexOf('\r\n', line + 2);
    const end = next < 0 ? text.length : next;
    const colon = text.indexOf(':', line + 2);
    const name = text.slice(line + 2, colon).toLowerCase();
    const value = text.slice(colon + 1, end).trim();
    if (name === 'transfer-encoding') chunked = true;
    else if (name === 'sec-websocket-accept' && status === 101) webSocketAccept = value;
    else if (!ofConnection.has(name)) {
      if (name === 'content-length') contentLength = Number(value);
      fields.push([name, value]);
    }
    line = next;
  }
  return { head: { status, fields, contentLength, chunked, webSocketAccept }, end: from + empty + 4 };
}
