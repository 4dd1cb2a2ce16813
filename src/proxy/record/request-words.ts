/** What a request head says to a person: for logs and traces, never for routing. */
export interface RequestWords {
  readonly method: string | null;
  /** Origin-form, without the query. */
  readonly path: string | null;
  /** Without the question mark; null if there is none. */
  readonly query: string | null;
  /** Such as `1.1`. */
  readonly version: string | null;
  /** As asked for, with its port. */
  readonly host: string | null;
}

export const noWords: RequestWords = { method: null, path: null, query: null, version: null, host: null };

/** Bytes as text, one character for each; `decoded` makes words of those beyond ASCII. */
const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

const beyondAscii = /[\x80-\xff]/;
/** Text that was read as latin1, as the UTF-8 that it may be; what is not valid becomes U+FFFD. */
export const decoded = (text: string): string =>
  beyondAscii.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;

const requestLine = /^([^ \r\n]{1,32}) ([^ \r\n]+)(?: HTTP\/(\d\.\d))?/;

/**
 * A head, or the part of one that came, as text to look things up in. It is read leniently and bounded by what the caller
 * kept of it: what is refused has to be told of as well.
 */
export class HeadText {
  private readonly text: string;

  constructor(bytes: Uint8Array) {
    this.text = latin1(bytes);
  }

  /** The request line in parts, and the host. */
  words(): RequestWords {
    const start = this.text.startsWith('\r\n') ? 2 : 0;
    const [, method = null, target = null, version = null] = requestLine.exec(this.text.slice(start)) ?? [];
    if (target === null) return noWords;
    const absolute = /^http:\/\/([^/?]*)/i.exec(target);
    const rest = absolute ? target.slice(absolute[0].length) : target;
    const mark = rest.indexOf('?');
    return {
      method: decoded(method ?? ''),
      path: decoded(mark === -1 ? rest : rest.slice(0, mark)) || '/',
      query: mark === -1 ? null : decoded(rest.slice(mark + 1)),
      version,
      host: this.field('host') ?? (absolute?.[1] || null),
    };
  }

  /** The value of a header by its name in lower case; of several the values with commas between; null if it is not there. */
  field(name: string): string | null {
    const { text } = this;
    let found: string | null = null;
    const initial = name.charCodeAt(0);
    for (let end = text.indexOf('\n'); end !== -1;) {
      const from = end + 1;
      end = text.indexOf('\n', from);
      const colon = from + name.length;
      if (text.charCodeAt(colon) !== 58) continue;
      const first = text.charCodeAt(from);
      if (first !== initial && (first | 32) !== initial) continue;
      if (text.slice(from, colon).toLowerCase() !== name) continue;
      const value = decoded(text.slice(colon + 1, end === -1 ? text.length : end).trim());
      found = found === null ? value : `${found}, ${value}`;
    }
    return found;
  }
}
