/** An answer of the admin API. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The tag of what was read, from the header or the trailer; null: none was told. */
  readonly etag: string | null;
}

const crlf = '\r\n';

function fieldIn(lines: readonly string[], name: string): string | null {
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0 && line.slice(0, colon).toLowerCase() === name) return line.slice(colon + 1).trim();
  }
  return null;
}

/** A chunked body with its trailer (RFC 9112 §7.1); null: it is not whole. */
function chunkedIn(bytes: Buffer, from: number): { body: Buffer; trailer: string[] } | null {
  const parts: Buffer[] = [];
  let at = from;
  for (;;) {
    const end = bytes.indexOf(crlf, at);
    if (end < 0) return null;
    const word = bytes.toString('latin1', at, end).split(';')[0]?.trim() ?? '';
    if (!/^[0-9a-fA-F]{1,8}$/.test(word)) return null;
    const size = Number.parseInt(word, 16);
    at = end + 2;
    if (size === 0) break;
    if (bytes.toString('latin1', at + size, at + size + 2) !== crlf) return null;
    parts.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
  const rest = bytes.toString('latin1', at);
  if (rest !== crlf && !rest.endsWith(crlf + crlf)) return null;
  return { body: Buffer.concat(parts), trailer: rest.split(crlf).filter((line) => line !== '') };
}

/** What was answered on a connection that has ended; null: it is not a whole answer. Pure. */
export function answerIn(bytes: Buffer): Answer | null {
  const end = bytes.indexOf(crlf + crlf);
  if (end < 0) return null;
  const [first = '', ...head] = bytes.toString('latin1', 0, end).split(crlf);
  const status = /^HTTP\/1\.[01] ([1-5][0-9][0-9])(?: |$)/.exec(first)?.[1];
  if (status === undefined) return null;
  const from = end + 4;
  const tag = fieldIn(head, 'etag');
  if (fieldIn(head, 'transfer-encoding')?.toLowerCase() === 'chunked') {
    const chunked = chunkedIn(bytes, from);
    if (chunked === null) return null;
    const { body, trailer } = chunked;
    return { status: Number(status), body: body.toString('utf8'), etag: tag ?? fieldIn(trailer, 'etag') };
  }
  const body = bytes.subarray(from);
  const length = fieldIn(head, 'content-length');
  if (length !== null && Number(length) !== body.length) return null;
  return { status: Number(status), body: body.toString('utf8'), etag: tag };
}
