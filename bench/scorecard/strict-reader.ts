/** A request as a strict reader found it. */
export interface ReadRequest {
  readonly method: string;
  readonly target: string;
  /** Of the body, without its framing. */
  readonly bytes: number;
  /** Its end came. */
  readonly whole: boolean;
}

export interface Reading {
  readonly requests: readonly ReadRequest[];
  /** What two readers might read in two ways, in words; null if there is nothing of the kind. */
  readonly doubt: string | null;
  /** It ends within a head. */
  readonly open: boolean;
}

/** Fields of which a second one, or another spelling, means something else to somebody. */
const framing = ['content-length', 'transfer-encoding', 'host'];
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Reads what came on a connection as text of octets, by RFC 9112 and nothing else, stricter than servers are: it shares no line with the parser of the proxy, so that both would have to err alike.
 * A request that is not whole at the end is told as such: its connection was cut, which is no doubt.
 */
export function readStrictly(text: string): Reading {
  const requests: ReadRequest[] = [];
  for (let at = 0; at < text.length;) {
    const headEnd = text.indexOf('\r\n\r\n', at);
    if (headEnd === -1) {
      const part = text.slice(at);
      // What is there of a head has to be one so far.
      return {
        requests,
        doubt: /(?:^|[^\r])\n|\r(?!\n|$)|\0/.test(part) ? `in a head: ${shown(part)}` : null,
        open: true,
      };
    }
    const head = text.slice(at, headEnd);
    const doubt = (why: string): Reading => ({ requests, doubt: `${why}: ${shown(head)}`, open: false });
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(head.replaceAll('\r\n', ''))) return doubt('a control octet');
    const [line = '', ...lines] = head.split('\r\n');
    const request = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21\x22\x24-\x7e]+) HTTP\/1\.1$/.exec(line);
    if (request === null) return doubt('the request line');
    const [, method = '', target = ''] = request;
    if (!target.startsWith('/') && (target !== '*' || method !== 'OPTIONS')) return doubt('the target');
    const values = new Map<string, string>();
    for (const each of lines) {
      const colon = each.indexOf(':');
      const name = each.slice(0, colon);
      if (colon < 1 || !token.test(name)) return doubt(`the field ${shown(each)}`);
      const plain = name.toLowerCase();
      const alias = plain.replaceAll('_', '-');
      if (!framing.includes(alias)) continue;
      if (alias !== plain) return doubt(`another spelling of ${alias}`);
      if (values.has(plain)) return doubt(`${plain} twice`);
      values.set(plain, each.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, ''));
    }
    const host = values.get('host');
    if (host === undefined || !/^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?$/.test(host))
      return doubt('the host');
    const length = values.get('content-length');
    const coding = values.get('transfer-encoding');
    if (length !== undefined && coding !== undefined) return doubt('two framings');
    if (length !== undefined && !/^\d{1,15}$/.test(length)) return doubt('the length');
    if (coding !== undefined && coding.toLowerCase() !== 'chunked') return doubt('the coding');
    at = headEnd + 4;
    if (coding !== undefined) {
      const body = readChunks(text, at);
      if (typeof body === 'string') return { requests, doubt: `${body}, after ${shown(head)}`, open: false };
      requests.push({ method, target, bytes: body.bytes, whole: body.end !== null });
      if (body.end === null) return { requests, doubt: null, open: false };
      at = body.end;
    } else {
      const bytes = Math.min(Number(length ?? 0), text.length - at);
      const whole = bytes === Number(length ?? 0);
      requests.push({ method, target, bytes, whole });
      if (!whole) return { requests, doubt: null, open: false };
      at += bytes;
    }
  }
  return { requests, doubt: null, open: false };
}

function readChunks(text: string, from: number): { bytes: number; end: number | null } | string {
  let bytes = 0;
  for (let at = from; ;) {
    const line = text.indexOf('\r\n', at);
    if (line === -1)
      return /(?:^|[^\r])\n|\r[^\n]/.test(text.slice(at)) ? 'a line of a chunk' : { bytes, end: null };
    const size = /^([0-9A-Fa-f]{1,13})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/.exec(text.slice(at, line))?.[1];
    if (size === undefined) return `the size of a chunk ${shown(text.slice(at, line))}`;
    const length = Number.parseInt(size, 16);
    at = line + 2;
    if (length > 0) {
      const here = Math.min(length, text.length - at);
      bytes += here;
      if (here < length) return { bytes, end: null };
      at += length;
      if (text.length < at + 2) return { bytes, end: null };
      if (text.slice(at, at + 2) !== '\r\n') return 'no line end after a chunk';
      at += 2;
      continue;
    }
    for (;;) {
      const end = text.indexOf('\r\n', at);
      if (end === -1)
        return /(?:^|[^\r])\n|\r[^\n]/.test(text.slice(at)) ? 'a line of a trailer' : { bytes, end: null };
      const trailer = text.slice(at, end);
      at = end + 2;
      if (trailer === '') return { bytes, end: at };
      const name = /^([^:]*):[\t\x20-\x7e\x80-\xff]*$/.exec(trailer)?.[1];
      if (name === undefined || !token.test(name)) return `the trailer ${shown(trailer)}`;
      if (framing.includes(name.toLowerCase().replaceAll('_', '-'))) return `a trailer ${name}`;
    }
  }
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 300));
