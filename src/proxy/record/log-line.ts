import { formatAddress } from '../../core/address-text.ts';
import type { AccessLogField, RouteAccessLog } from '../../core/access-log.ts';
import type { Account } from './account.ts';
import { cut, hidden, jsonText, quotedText, redactedQuery } from './log-text.ts';
import { HeadText, type RequestWords } from './request-words.ts';

/** What a line is made from, read when the request has ended. */
interface Told {
  readonly account: Account;
  readonly head: HeadText;
  readonly words: RequestWords;
  /** No text of a stranger is longer in the line. */
  readonly most: number;
}

/** Such as `HTTP/1.1`; null if it did not come to that. */
const protocolOf = ({ client }: Account, { version }: RequestWords): string | null =>
  client.multiplexed ? 'HTTP/2.0' : version === null ? null : `HTTP/${version}`;

const ms = (value: number): string => (value < 0 ? 'null' : String(Math.round(value * 1000) / 1000));
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `21/Nov/2026:12:30:00 +0000`. */
function webServerTime(time: number): string {
  const date = new Date(time);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

/** Makes lines by what a route says of its access log. Pure: the same account, the same line, with its line end. */
export class LogLine {
  private readonly redactQuery: ReadonlySet<string>;
  private readonly redactHeaders: ReadonlySet<string>;
  private readonly tellsQuery: boolean;
  private lastTime = -1;
  private lastTimeText = '';

  constructor(
    private readonly log: RouteAccessLog,
    /** No line is longer: what can be written at once, so that lines of several workers are not mixed. */
    private readonly mostBytes: number,
  ) {
    this.redactQuery = new Set(log.redactQuery.map((name) => name.toLowerCase()));
    this.redactHeaders = new Set(log.redactHeaders);
    this.tellsQuery = log.format !== 'json' || log.fields.includes('query');
  }

  /** Many requests end within one millisecond. */
  private timeText(time: number): string {
    if (time !== this.lastTime) {
      this.lastTime = time;
      this.lastTimeText = `"${new Date(time).toISOString()}"`;
    }
    return this.lastTimeText;
  }

  of(account: Account): string {
    const head = account.text;
    const words = head.words();
    let line = '';
    // One that is too long is made again with less of each text; thirty names of headers and no text always fit.
    for (const most of [8192, 1024, 256, 64, 8, 1]) {
      const told = { account, head, words, most };
      line = `${this.log.format === 'json' ? this.json(told) : this.web(told)}\n`;
      if (line.length * 3 <= this.mostBytes || Buffer.byteLength(line) <= this.mostBytes) break;
    }
    return line;
  }

  private json(told: Told): string {
    const { fields, requestHeaders, responseHeaders } = this.log;
    const parts = fields.map((field) => `"${field}":${this.value(field, told)}`);
    if (requestHeaders.length > 0) parts.push(`"request":${this.headers(requestHeaders, told.head, told)}`);
    if (responseHeaders.length > 0) {
      const { responseHead } = told.account;
      parts.push(
        `"response":${this.headers(responseHeaders, responseHead && new HeadText(responseHead), told)}`,
      );
    }
    return `{${parts.join(',')}}`;
  }

  private value(field: AccessLogField, { account, head, words, most }: Told): string {
    const text = (value: string | null): string => (value === null ? 'null' : jsonText(cut(value, most)));
    const { place } = account;
    switch (field) {
      case 'time':
        return this.timeText(account.time);
      case 'service':
        return text(place.service);
      case 'environment':
        return text(place.environment);
      case 'release':
        return String(place.release);
      case 'instance':
        return text(account.instance && formatAddress(account.instance));
      case 'client':
        return text(account.client.address);
      case 'method':
        return text(words.method);
      case 'host':
        return text(words.host);
      case 'path':
        return text(words.path);
      case 'query':
        return text(words.query && redactedQuery(words.query, this.redactQuery));
      case 'protocol':
        return text(protocolOf(account, words));
      case 'tls':
        return text(account.client.tls);
      case 'status':
        return account.status === 0 ? 'null' : String(account.status);
      case 'cause':
        return text(account.cause);
      case 'detail':
        return text(account.detail);
      case 'durationMs':
        return ms(account.durationMs);
      case 'headMs':
        return ms(account.headMs);
      case 'heldMs':
        return ms(account.heldMs);
      case 'connectMs':
        return ms(account.connectMs);
      case 'firstByteMs':
        return ms(account.firstByteMs);
      case 'bytesIn':
        return String(account.bytesIn);
      case 'bytesOut':
        return String(account.bytesOut);
      case 'attempts':
        return String(account.attempts);
      case 'held':
        return String(account.heldMs >= 0);
      case 'mode':
        return text(place.mode);
      case 'upgraded':
        return String(account.upgraded);
      case 'requestId':
        return text(account.requestId);
      case 'traceId':
        return text(account.traceId);
      case 'userAgent':
        return text(this.header('user-agent', head));
      case 'referer':
        return text(this.referer(head));
    }
  }

  private headers(names: readonly string[], head: HeadText | null, { most }: Told): string {
    const pairs = names.map((name) => {
      const value = head === null ? null : this.header(name, head);
      return `${jsonText(name)}:${value === null ? 'null' : jsonText(cut(value, most))}`;
    });
    return `{${pairs.join(',')}}`;
  }

  private header(name: string, head: HeadText): string | null {
    const value = head.field(name);
    if (value === null) return null;
    return this.redactHeaders.has(name) ? hidden : name === 'referer' ? this.withoutSecrets(value) : value;
  }

  private referer(head: HeadText): string | null {
    return this.header('referer', head);
  }

  /** The page that led here: its query is told only where that of the request is, and redacted as that is. */
  private withoutSecrets(referer: string): string {
    const mark = referer.indexOf('?');
    if (mark === -1) return referer;
    if (!this.tellsQuery) return referer.slice(0, mark);
    return `${referer.slice(0, mark + 1)}${redactedQuery(referer.slice(mark + 1), this.redactQuery)}`;
  }

  private web({ account, head, words, most }: Told): string {
    const quoted = (value: string | null): string => (value === null ? '-' : quotedText(cut(value, most)));
    const query = words.query === null ? '' : `?${redactedQuery(words.query, this.redactQuery)}`;
    const protocol = protocolOf(account, words);
    const request =
      words.method === null
        ? '-'
        : quoted(`${words.method} ${words.path ?? ''}${query}${protocol === null ? '' : ` ${protocol}`}`);
    const status =
      account.status !== 0 ? String(account.status) : account.cause === 'client-closed' ? '499' : '-';
    const line = `${account.client.address} - - [${webServerTime(account.time)}] "${request}" ${status} ${account.bytesOut}`;
    return this.log.format === 'common'
      ? line
      : `${line} "${quoted(this.referer(head))}" "${quoted(this.header('user-agent', head))}"`;
  }
}
