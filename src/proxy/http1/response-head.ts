import { contentLengthOf } from './content-length.ts';
import { Cuts, Field, fieldOf } from './field.ts';
import type { HeadLimits } from './limits.ts';
import {
  ascii,
  COLON,
  CR,
  eachElement,
  isName,
  LF,
  sameInAnyCase,
  SP,
  TAB,
  tokenOctets,
  valueOctets,
} from './octets.ts';
import { eachLine } from './request-head.ts';

const text = {
  close: ascii('close'),
  keepAlive: ascii('keep-alive'),
  upgrade: ascii('upgrade'),
  chunked: ascii('chunked'),
  timeout: ascii('timeout='),
};

/** How the end of a body is known (RFC 9112 §6.3). */
export const Framing = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

/** What a response head says, as offsets into the bytes that it was read from. Reused from head to head. */
export class ResponseHead {
  start = 0;
  /** Just past the final empty line. */
  end = 0;
  status = 0;
  minor: 0 | 1 = 1;
  fieldsFrom = 0;
  framing: Framing = Framing.none;
  /** Bytes of the body if `framing` is `length`. */
  contentLength = 0;
  /** Whether the connection stays, as far as the head says. */
  keepAlive = true;
  /** Seconds after which the origin will close an idle connection (`Keep-Alive: timeout=`); -1 if it does not say. */
  idleSeconds = -1;
  upgrade = false;
  /** Lines that are not to be sent on to a client whose connection is closed or whose version is old. */
  readonly cuts: Cuts;
  /**
   * Nothing has to be cut for a client that is kept alive: at most `Connection: keep-alive` stands there, which is true of
   * that client's connection as well.
   */
  plain = true;
  /** The Transfer-Encoding line, for a client that does not know chunks. */
  transferFrom = 0;
  transferTo = 0;
  why = '';

  constructor(limits: HeadLimits) {
    this.cuts = new Cuts(limits.fields + 1);
  }
}

function invalid(head: ResponseHead, why: string): -1 {
  head.why = why;
  return -1;
}

/**
 * Reads the head of a response that begins at `from`, as strictly as a request: an origin whose answer can be read in two
 * ways is answered for with 502, since a cache or client behind us may read it the other way.
 *
 * `toHead` says that the request was HEAD, whose response has no body whatever its fields say.
 * Returns the index just past the head; 0 if more bytes are needed; -1 if it is not a valid response (`head.why`).
 * After a positive result `head` describes it; `cuts` are the lines that are not to be sent on.
 */
export function parseResponseHead(
  bytes: Uint8Array,
  from: number,
  to: number,
  head: ResponseHead,
  limits: HeadLimits,
  toHead: boolean,
): number {
  let i = from;
  head.start = from;
  // "HTTP/1.1 200": twelve octets, then a space and a reason (which may be empty, and some servers leave out the space too).
  if (to - i < 13) return isStatusPrefix(bytes, i, to) ? 0 : invalid(head, 'status line malformed');
  if (!isStatusPrefix(bytes, i, i + 12)) return invalid(head, 'status line malformed');
  head.minor = bytes[i + 7] === 49 ? 1 : 0;
  const status = (bytes[i + 9]! - 48) * 100 + (bytes[i + 10]! - 48) * 10 + (bytes[i + 11]! - 48);
  if (status < 100 || status > 599) return invalid(head, 'status out of range');
  head.status = status;
  i += 12;
  if (bytes[i] === SP) while (i < to && valueOctets[bytes[i]!] === 1) i++;
  const limit = from + limits.headBytes;
  if (i < to && bytes[i] !== CR) return invalid(head, 'status line malformed');
  if (i + 1 >= to) return to > limit ? invalid(head, 'head too large') : 0;
  if (bytes[i + 1] !== LF) return invalid(head, 'bare CR');
  i += 2;
  head.fieldsFrom = i;

  const cuts = head.cuts;
  cuts.count = 0;
  head.idleSeconds = -1;
  let contentLength = -1;
  let chunked = false;
  let close = false;
  let keep = false;
  let named = false;
  let upgradeOption = false;
  let upgradeField = false;
  let fields = 0;
  let plainLines = 0;
  const bare = status < 200 || status === 204;
  for (;;) {
    if (i >= to) return to > limit ? invalid(head, 'head too large') : 0;
    const line = i;
    let octet = bytes[i]!;
    if (octet === CR) {
      if (i + 1 >= to) return to > limit ? invalid(head, 'head too large') : 0;
      if (bytes[i + 1] !== LF) return invalid(head, 'bare CR');
      i += 2;
      break;
    }
    if (++fields > limits.fields) return invalid(head, 'too many fields');
    while (i < to && tokenOctets[bytes[i]!] === 1) i++;
    if (i >= to) return to > limit ? invalid(head, 'head too large') : 0;
    if (bytes[i] !== COLON || i === line) return invalid(head, 'field name malformed');
    const nameLength = i - line;
    i++;
    while (i < to && ((octet = bytes[i]!) === SP || octet === TAB)) i++;
    let valueFrom = i;
    while (i < to && valueOctets[bytes[i]!] === 1) i++;
    if (i + 1 >= to) {
      if (i < to && bytes[i] !== CR) return invalid(head, 'control octet in a field');
      return to > limit ? invalid(head, 'head too large') : 0;
    }
    if (bytes[i] !== CR || bytes[i + 1] !== LF) return invalid(head, 'control octet in a field');
    let valueTo = i;
    i += 2;

    const field = fieldOf(bytes, line, nameLength);
    if (field === Field.other) continue;
    while (valueTo > valueFrom && ((octet = bytes[valueTo - 1]!) === SP || octet === TAB)) valueTo--;
    if (valueFrom > valueTo) valueFrom = valueTo;
    switch (field) {
      case Field.contentLength:
        if (bytes[line + 7] !== 45) return invalid(head, 'alias of Content-Length');
        if (contentLength !== -1) return invalid(head, 'Content-Length repeated');
        contentLength = contentLengthOf(bytes, valueFrom, valueTo);
        if (contentLength === -1) return invalid(head, 'Content-Length malformed');
        // There is no body (RFC 9110 §8.6), and a length would make some readers wait for one.
        if (bare) cuts.add(line, i);
        break;
      case Field.transferEncoding:
        if (bytes[line + 8] !== 45) return invalid(head, 'alias of Transfer-Encoding');
        if (chunked) return invalid(head, 'Transfer-Encoding repeated');
        if (valueTo - valueFrom !== 7 || !isName(bytes, valueFrom, text.chunked))
          return invalid(head, 'Transfer-Encoding other than chunked');
        chunked = true;
        head.transferFrom = line;
        head.transferTo = i;
        if (bare) cuts.add(line, i);
        break;
      case Field.connection:
        if (valueTo - valueFrom === 10 && isName(bytes, valueFrom, text.keepAlive)) {
          keep = true;
          plainLines++;
        } else if (valueTo - valueFrom === 5 && isName(bytes, valueFrom, text.close)) close = true;
        else
          eachElement(bytes, valueFrom, valueTo, (a, b) => {
            if (b - a === 5 && isName(bytes, a, text.close)) close = true;
            else if (b - a === 10 && isName(bytes, a, text.keepAlive)) keep = true;
            else if (b - a === 7 && isName(bytes, a, text.upgrade)) upgradeOption = true;
            else named = true;
          });
        cuts.add(line, i);
        break;
      case Field.upgrade:
        upgradeField = true;
        if (status !== 101) cuts.add(line, i);
        break;
      case Field.keepAlive:
        head.idleSeconds = idleSecondsOf(bytes, valueFrom, valueTo);
        cuts.add(line, i);
        break;
      case Field.hop:
        cuts.add(line, i);
        break;
      default:
        break;
    }
  }
  if (i > limit) return invalid(head, 'head too large');
  head.end = i;
  if (chunked && contentLength !== -1) return invalid(head, 'Content-Length and Transfer-Encoding');
  if (chunked && head.minor === 0) return invalid(head, 'Transfer-Encoding in HTTP/1.0');
  if (named) cutNamed(bytes, head);
  head.plain = cuts.count === plainLines && head.minor === 1;
  head.keepAlive = !close && (head.minor === 1 || keep);
  head.upgrade = status === 101 && upgradeOption && upgradeField;
  if (status === 101 && !head.upgrade) return invalid(head, '101 without Upgrade');
  head.contentLength = 0;
  if (bare || status === 304 || toHead) head.framing = Framing.none;
  else if (chunked) head.framing = Framing.chunked;
  else if (contentLength === -1) {
    head.framing = Framing.untilClose;
    head.keepAlive = false;
  } else {
    head.framing = contentLength === 0 ? Framing.none : Framing.length;
    head.contentLength = contentLength;
  }
  return i;
}

/** Whether `bytes[from, to)` could begin `HTTP/1.d ddd` and what follows it. */
function isStatusPrefix(bytes: Uint8Array, from: number, to: number): boolean {
  const pattern = 'HTTP/1.0 000';
  const end = Math.min(to, from + pattern.length);
  for (let i = from, at = 0; i < end; i++, at++) {
    const octet = bytes[i]!;
    if (at === 7) {
      if (octet !== 48 && octet !== 49) return false;
    } else if (at >= 9) {
      if (octet < 48 || octet > 57) return false;
    } else if (octet !== pattern.charCodeAt(at)) return false;
  }
  return true;
}

function idleSecondsOf(bytes: Uint8Array, from: number, to: number): number {
  let seconds = -1;
  eachElement(bytes, from, to, (a, b) => {
    if (b - a > text.timeout.length && isName(bytes, a, text.timeout))
      seconds = contentLengthOf(bytes, a + text.timeout.length, b);
  });
  return seconds;
}

/** Cuts the fields that the Connection field names; framing is not the origin's to hide. */
function cutNamed(bytes: Uint8Array, head: ResponseHead): void {
  const names: [number, number][] = [];
  eachLine(bytes, head.fieldsFrom, head.end, (line, nameTo, next) => {
    if (fieldOf(bytes, line, nameTo - line) !== Field.connection) return;
    eachElement(bytes, nameTo + 1, next - 2, (a, b) => names.push([a, b]));
  });
  eachLine(bytes, head.fieldsFrom, head.end, (line, nameTo, next) => {
    if (fieldOf(bytes, line, nameTo - line) !== Field.other) return;
    if (names.some(([a, b]) => sameInAnyCase(bytes, line, nameTo, bytes, a, b))) head.cuts.insert(line, next);
  });
}
