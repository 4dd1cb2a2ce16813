import { Malformed } from './malformed.ts';

/** The head of a final response, or of 101. Names of headers are in lower case; repeated ones are joined with `, `. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of the body, or that it comes in chunks. */
  readonly body: number | 'chunked';
  /** False if the server announced that it closes the connection. */
  readonly keepAlive: boolean;
}

const maxHeadBytes = 64 * 1024;
const maxLineBytes = 4 * 1024;
const maxBodyBytes = 64 * 1024 * 1024;
const headerLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;
const statusLine = /^HTTP\/1\.1 ([1-5]\d\d) [\t\x20-\x7e\x80-\xff]*$/;

/** The head that this text is, without the empty line. Throws Malformed for all that two parsers could read in two ways. */
export function parseHead(text: string): ResponseHead {
  const lines = text.split('\r\n');
  const status = statusLine.exec(lines[0] ?? '')?.[1];
  if (status === undefined)
    throw new Malformed(`expected a status line of HTTP/1.1, found ${JSON.stringify(lines[0])}`);
  const headers = new Map<string, string>();
  for (let i = 1; i < lines.length; i++) {
    const match = headerLine.exec(lines[i] ?? '');
    if (!match) throw new Malformed(`expected a header, found ${JSON.stringify(lines[i])}`);
    const [, name = '', value = ''] = match;
    const key = name.toLowerCase();
    const known = headers.get(key);
    headers.set(key, known === undefined ? value : `${known}, ${value}`);
  }
  const keepAlive = !/(^|,)[ \t]*close[ \t]*($|,)/i.test(headers.get('connection') ?? '');
  return { status: Number(status), headers, body: bodyOf(Number(status), headers), keepAlive };
}

/** RFC 9112 §6.3, without the body that only the end of the connection ends: nobody could tell that it was cut. */
function bodyOf(status: number, headers: ReadonlyMap<string, string>): number | 'chunked' {
  const coding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (coding !== undefined) {
    if (length !== undefined) throw new Malformed('expected Content-Length or Transfer-Encoding, found both');
    if (coding.toLowerCase() !== 'chunked')
      throw new Malformed(`expected Transfer-Encoding: chunked, found ${coding}`);
    return 'chunked';
  }
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    throw new Malformed(`expected one Content-Length, found ${length}`);
  if (status < 200 || status === 204 || status === 304) return 0;
  if (length === undefined)
    throw new Malformed('expected Content-Length or Transfer-Encoding, found neither');
  if (Number(length) > maxBodyBytes)
    throw new Malformed(`expected at most ${maxBodyBytes} bytes, found Content-Length: ${length}`);
  return Number(length);
}

/** Servers repeat their heads to the byte within a second; reading one anew each time would cost most of a request. */
const knownHeads = new Map<string, ResponseHead>();

function headOf(text: string): ResponseHead {
  const known = knownHeads.get(text);
  if (known) return known;
  const head = parseHead(text);
  if (knownHeads.size >= 512) knownHeads.clear();
  knownHeads.set(text, head);
  return head;
}

/**
 * Reads one response at a time from a connection without pipelining, strictly: bytes in, a whole response out.
 * Interim responses (1xx) are passed over; 101 ends in `done` with what follows in `rest`.
 */
export class ResponseParser {
  #mode: 'head' | 'length' | 'size' | 'data' | 'data-end' | 'trailer' | 'done' = 'head';
  #pending: Buffer | null = null;
  #parts: Buffer[] = [];
  #bytes = 0;
  #left = 0;
  #received = 0;
  #head: ResponseHead | null = null;
  #rest: Buffer | null = null;

  /** The head, as soon as it is whole. */
  get head(): ResponseHead | null {
    return this.#head;
  }

  /** Bytes of this response that have come, of the head too. 0: it has not begun. */
  get received(): number {
    return this.#received;
  }

  /** After 101: the bytes that came behind the head and belong to the new protocol. */
  get rest(): Buffer | null {
    return this.#rest;
  }

  body(): Buffer {
    const [first] = this.#parts;
    return this.#parts.length === 1 && first ? first : Buffer.concat(this.#parts);
  }

  /** Makes ready for the next response on the connection. */
  reset(): void {
    this.#mode = 'head';
    this.#pending = null;
    this.#parts = [];
    this.#bytes = 0;
    this.#received = 0;
    this.#head = null;
    this.#rest = null;
  }

  /** Takes the next bytes; true if the response is whole with them. Throws Malformed; the connection is of no use then. */
  push(chunk: Buffer): boolean {
    this.#received += chunk.length;
    let bytes = this.#pending ? Buffer.concat([this.#pending, chunk]) : chunk;
    this.#pending = null;
    while (bytes.length > 0) {
      if (this.#mode === 'done')
        throw new Malformed(`expected nothing after the response, found ${bytes.length} bytes`);
      const taken = this.#step(bytes);
      if (taken === 0) {
        this.#pending = bytes;
        return false;
      }
      bytes = bytes.subarray(taken);
    }
    return this.#mode === 'done';
  }

  /** Reads what comes next from the front of `bytes`; returns how many bytes that was, 0 if there are too few. */
  #step(bytes: Buffer): number {
    switch (this.#mode) {
      case 'head':
        return this.#readHead(bytes);
      case 'length':
      case 'data':
        return this.#readBody(bytes);
      case 'size':
        return this.#readSize(bytes);
      case 'data-end':
        if (bytes.length < 2) return 0;
        if (bytes[0] !== 13 || bytes[1] !== 10)
          throw new Malformed('expected the end of a line after a chunk');
        this.#mode = 'size';
        return 2;
      case 'trailer':
        return this.#readTrailer(bytes);
      case 'done':
        throw new Malformed('the response is whole already');
    }
  }

  #readHead(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0 || end > maxHeadBytes) {
      if (bytes.length > maxHeadBytes)
        throw new Malformed(`expected a head of at most ${maxHeadBytes} bytes`);
      return 0;
    }
    const head = headOf(bytes.toString('latin1', 0, end));
    if (head.status < 200 && head.status !== 101) return end + 4;
    this.#head = head;
    if (head.status === 101) {
      this.#rest = bytes.subarray(end + 4);
      this.#mode = 'done';
      return bytes.length;
    }
    if (head.body === 'chunked') this.#mode = 'size';
    else {
      this.#left = head.body;
      this.#mode = head.body === 0 ? 'done' : 'length';
    }
    return end + 4;
  }

  #readBody(bytes: Buffer): number {
    const part = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#parts.push(part);
    this.#left -= part.length;
    if (this.#left === 0) this.#mode = this.#mode === 'data' ? 'data-end' : 'done';
    return part.length;
  }

  /** The line that ends in CRLF at the front; null if it is not whole yet. */
  #line(bytes: Buffer): string | null {
    const end = bytes.indexOf('\r\n');
    if (end < 0 || end > maxLineBytes) {
      if (bytes.length > maxLineBytes)
        throw new Malformed(`expected a line of at most ${maxLineBytes} bytes`);
      return null;
    }
    return bytes.toString('latin1', 0, end);
  }

  #readSize(bytes: Buffer): number {
    const line = this.#line(bytes);
    if (line === null) return 0;
    const size = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/.exec(line)?.[1];
    if (size === undefined)
      throw new Malformed(`expected the size of a chunk, found ${JSON.stringify(line)}`);
    this.#left = Number.parseInt(size, 16);
    this.#bytes += this.#left;
    if (this.#bytes > maxBodyBytes) throw new Malformed(`expected at most ${maxBodyBytes} bytes of chunks`);
    this.#mode = this.#left === 0 ? 'trailer' : 'data';
    return line.length + 2;
  }

  #readTrailer(bytes: Buffer): number {
    const line = this.#line(bytes);
    if (line === null) return 0;
    if (line === '') this.#mode = 'done';
    else if (!headerLine.test(line)) throw new Malformed(`expected a trailer, found ${JSON.stringify(line)}`);
    return line.length + 2;
  }
}
