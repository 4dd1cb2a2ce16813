import type { HeaderField } from './header-table.ts';

/** A request head of HTTP/1.1 as HTTP/2 says it, and how the end of the body that follows it is known. */
export interface RequestFields {
  readonly fields: readonly HeaderField[];
  readonly toHead: boolean;
  readonly body: 'none' | 'length' | 'chunked';
  /** Bytes of the body if that is `length`. */
  readonly length: number;
}

/** Fields that belong to one connection of HTTP/1.1 and must not be there in HTTP/2 (RFC 9113 §8.2.2), and what says the same in another way. */
const left = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings'],
  ...['host', 'te'],
]);

/**
 * Translates the head that goes to an instance. It is one that we have written (`writeRequestHead`), so that nothing in it has to be doubted.
 *
 * @param head its bytes, without the empty line at its end, as Latin-1
 */
export function requestFields(head: string, scheme: 'http' | 'https'): RequestFields {
  const lines = head.split('\r\n');
  const [method = '', path = ''] = (lines[0] ?? '').split(' ');
  const rest: HeaderField[] = [];
  let authority = '';
  let length = 0;
  let chunked = false;
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at]!;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
    if (name === 'host') authority = value;
    else if (name === 'transfer-encoding') chunked = true;
    // The only thing that it may say (§8.2.2); gRPC wants to read it.
    else if (name === 'te' && /(?:^|,)[ \t]*trailers[ \t]*(?:$|[,;])/i.test(value))
      rest.push(['te', 'trailers']);
    if (name === 'content-length') length = Number(value);
    if (!left.has(name)) rest.push([name, value]);
  }
  return {
    fields: [[':method', method], [':scheme', scheme], [':authority', authority], [':path', path], ...rest],
    toHead: method === 'HEAD',
    body: chunked ? 'chunked' : length > 0 ? 'length' : 'none',
    length,
  };
}
