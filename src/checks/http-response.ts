/** The longest head, 1xx responses included, and the most of a body that is looked at. */
export const headLimitBytes = 65_536;
export const bodyLimitBytes = 1_048_576;

/** How far a response has come. `invalid` says what is wrong with it. */
export type ResponseState =
  | { readonly phase: 'head' }
  | { readonly phase: 'body'; readonly status: number }
  | { readonly phase: 'whole'; readonly status: number }
  | { readonly phase: 'over-limit'; readonly status: number }
  | { readonly phase: 'invalid'; readonly why: string };

type Framing =
  | { kind: 'until-close' }
  | { kind: 'length'; left: number }
  | { kind: 'chunked'; at: 'size' | 'data' | 'data-end' | 'trailers'; left: number };

/**
 * Reads one HTTP/1.1 response (RFC 9112), bytes in, state out; it holds `headLimitBytes` and `bodyLimitBytes` at most, however much the
 * target sends. Interim (1xx) responses are passed over.
 */
export class ResponseReader {
  state: ResponseState = { phase: 'head' };
  /** The fields of the final head, names in lower case; those of the same name joined (RFC 9110 §5.3). */
  readonly headers = new Map<string, string>();
  #pending = Buffer.alloc(0);
  #headBytes = 0;
  #framing: Framing = { kind: 'until-close' };
  #body = Buffer.alloc(16_384);
  #bodyBytes = 0;

  /** `bodiless`: the request was HEAD, so that no body follows (RFC 9112 §6.3). */
  constructor(private readonly bodiless: boolean) {}

  /** The body as far as it has come. */
  get body(): Buffer {
    return this.#body.subarray(0, this.#bodyBytes);
  }

  push(bytes: Uint8Array): ResponseState {
    if (this.state.phase === 'head') bytes = this.#readHead(bytes);
    if (this.state.phase === 'body') this.#readBody(bytes, this.state.status);
    return this.state;
  }

  /** The target has said all: a body that ends with the connection is whole now; anything else is cut off. */
  end(): ResponseState {
    if (this.state.phase === 'body') {
      const { status } = this.state;
      this.state =
        this.#framing.kind === 'until-close' ? { phase: 'whole', status } : invalid('a body that is cut off');
    } else if (this.state.phase === 'head') {
      this.state = invalid(
        this.#headBytes === 0 && this.#pending.length === 0
          ? 'a closed connection and no answer'
          : 'a head that is cut off',
      );
    }
    return this.state;
  }

  /** Returns what follows the head. */
  #readHead(bytes: Uint8Array): Uint8Array {
    let rest = Buffer.concat([this.#pending, bytes.subarray(0, headLimitBytes + 1)]);
    const beyond = bytes.subarray(headLimitBytes + 1);
    for (;;) {
      const end = rest.indexOf('\r\n\r\n');
      if (this.#headBytes + (end === -1 ? rest.length : end + 4) > headLimitBytes) {
        this.state = invalid(`a head of more than ${headLimitBytes} bytes`);
        return beyond;
      }
      if (end === -1) {
        const start = rest.subarray(0, 7).toString('latin1');
        if (!'HTTP/1.'.startsWith(start)) this.state = invalid('an answer that is not HTTP/1.1');
        this.#pending = Buffer.from(rest);
        return beyond;
      }
      const head = rest.subarray(0, end).toString('latin1');
      rest = rest.subarray(end + 4);
      this.#headBytes += end + 4;
      const interim = this.#takeHead(head);
      if (interim) continue;
      return Buffer.concat([rest, beyond]);
    }
  }

  /** True if another head follows. */
  #takeHead(head: string): boolean {
    const [first = '', ...lines] = head.split('\r\n');
    const match = /^HTTP\/1\.[01] ([1-9]\d\d)(?: |$)/.exec(first);
    if (!match) {
      this.state = invalid('an answer that is not HTTP/1.1');
      return false;
    }
    const status = Number(match[1]);
    if (status < 200 && status !== 101) return true;
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon <= 0) continue;
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      const before = this.headers.get(name);
      this.headers.set(name, before === undefined ? value : `${before}, ${value}`);
    }
    const length = this.headers.get('content-length');
    if (this.bodiless || status === 204 || status === 304 || status === 101) {
      this.state = { phase: 'whole', status };
    } else if (/(^|,)\s*chunked$/i.test(this.headers.get('transfer-encoding') ?? '')) {
      this.#framing = { kind: 'chunked', at: 'size', left: 0 };
      this.state = { phase: 'body', status };
    } else if (length === undefined) {
      this.state = { phase: 'body', status };
    } else if (/^\d{1,15}$/.test(length)) {
      this.#framing = { kind: 'length', left: Number(length) };
      this.state = Number(length) === 0 ? { phase: 'whole', status } : { phase: 'body', status };
    } else {
      this.state = invalid(`Content-Length: ${length.slice(0, 40)}`);
    }
    this.#pending = Buffer.alloc(0);
    return false;
  }

  #readBody(bytes: Uint8Array, status: number): void {
    const framing = this.#framing;
    if (framing.kind === 'until-close') return this.#keep(bytes, status);
    if (framing.kind === 'length') {
      const taken = bytes.subarray(0, framing.left);
      framing.left -= taken.length;
      this.#keep(taken, status);
      if (framing.left === 0 && this.state.phase === 'body') this.state = { phase: 'whole', status };
      return;
    }
    while (bytes.length > 0 && this.state.phase === 'body') {
      if (framing.at === 'data') {
        const taken = bytes.subarray(0, framing.left);
        framing.left -= taken.length;
        bytes = bytes.subarray(taken.length);
        this.#keep(taken, status);
        if (framing.left === 0) framing.at = 'data-end';
        continue;
      }
      const line = this.#takeLine(bytes);
      if (line === null) return;
      bytes = line.rest;
      this.#takeChunkLine(framing, line.text, status);
    }
  }

  #takeChunkLine(framing: Extract<Framing, { kind: 'chunked' }>, text: string, status: number): void {
    if (framing.at === 'data-end') {
      if (text === '') framing.at = 'size';
      else this.state = invalid('a chunk that does not end');
    } else if (framing.at === 'trailers') {
      if (text === '') this.state = { phase: 'whole', status };
    } else {
      const size = /^([0-9a-fA-F]{1,8})[ \t]*(?:;|$)/.exec(text)?.[1];
      if (size === undefined) {
        this.state = invalid('a chunk without a size');
        return;
      }
      framing.left = Number.parseInt(size, 16);
      framing.at = framing.left === 0 ? 'trailers' : 'data';
    }
  }

  /** A line of the chunked framing, when it is whole; the part of one is kept for later. */
  #takeLine(bytes: Uint8Array): { text: string; rest: Uint8Array } | null {
    const end = bytes.indexOf(10);
    const line = Buffer.concat([this.#pending, bytes.subarray(0, end === -1 ? undefined : end)]);
    if (line.length > 8192) {
      this.state = invalid('a line of more than 8192 bytes in a chunked body');
      return null;
    }
    this.#pending = end === -1 ? line : Buffer.alloc(0);
    return end === -1
      ? null
      : { text: line.toString('latin1').replace(/\r$/, ''), rest: bytes.subarray(end + 1) };
  }

  #keep(bytes: Uint8Array, status: number): void {
    const taken = bytes.subarray(0, bodyLimitBytes - this.#bodyBytes);
    const needed = this.#bodyBytes + taken.length;
    if (needed > this.#body.length) {
      const larger = Buffer.alloc(Math.min(bodyLimitBytes, Math.max(needed, this.#body.length * 2)));
      this.#body.copy(larger, 0, 0, this.#bodyBytes);
      this.#body = larger;
    }
    this.#body.set(taken, this.#bodyBytes);
    this.#bodyBytes = needed;
    if (taken.length < bytes.length) this.state = { phase: 'over-limit', status };
  }
}

const invalid = (why: string): ResponseState => ({ phase: 'invalid', why });
