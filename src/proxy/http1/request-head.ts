import { contentLengthOf } from './content-length.ts';
import { Cuts, Field, fieldOf } from './field.ts';
import { hostNameEnd, isHost } from './host.ts';
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
  targetOctets,
  tokenOctets,
  valueOctets,
} from './octets.ts';

/** Statuses with which a head is refused; the connection is closed after each of them. */
export type Refusal = 400 | 414 | 431 | 501 | 505;

/** The methods whose meaning matters to a proxy (RFC 9110 §9.2); any other token passes as `other`. */
export const Method = {
  other: 0,
  get: 1,
  head: 2,
  options: 3,
  trace: 4,
  put: 5,
  delete: 6,
  post: 7,
  connect: 8,
} as const;
export type Method = (typeof Method)[keyof typeof Method];

/** Not meant to change anything at the origin (RFC 9110 §9.2.1). */
export const isSafe = (method: Method): boolean => method >= Method.get && method <= Method.trace;
/** Doing it twice is doing it once (RFC 9110 §9.2.2): may be sent again on a fresh connection. */
export const isIdempotent = (method: Method): boolean => method >= Method.get && method <= Method.delete;

const text = {
  close: ascii('close'),
  keepAlive: ascii('keep-alive'),
  upgrade: ascii('upgrade'),
  te: ascii('te'),
  chunked: ascii('chunked'),
  trailers: ascii('trailers'),
  continue: ascii('100-continue'),
  http: ascii('http://'),
  h2c: ascii('h2c'),
};
const methods = new Map<number, readonly [Uint8Array, Method][]>([
  [
    3,
    [
      [ascii('GET'), Method.get],
      [ascii('PUT'), Method.put],
    ],
  ],
  [
    4,
    [
      [ascii('POST'), Method.post],
      [ascii('HEAD'), Method.head],
    ],
  ],
  [5, [[ascii('TRACE'), Method.trace]]],
  [6, [[ascii('DELETE'), Method.delete]]],
  [
    7,
    [
      [ascii('OPTIONS'), Method.options],
      [ascii('CONNECT'), Method.connect],
    ],
  ],
]);
const maxMethodBytes = 32;

function methodOf(bytes: Uint8Array, from: number, to: number): Method {
  if (bytes[from] === 71 && to - from === 3 && bytes[from + 1] === 69 && bytes[from + 2] === 84)
    return Method.get;
  candidates: for (const [name, method] of methods.get(to - from) ?? []) {
    // Methods are case-sensitive (RFC 9110 §9.1): `get` is another method.
    for (let i = 0; i < name.length; i++) if (bytes[from + i] !== name[i]) continue candidates;
    return method;
  }
  return Method.other;
}

/** What a request head says, as offsets into the bytes that it was read from. Reused from head to head. */
export class RequestHead {
  /** Where the request line begins: an empty line before it is passed over (RFC 9112 §2.2). */
  start = 0;
  /** Just past the final empty line. */
  end = 0;
  method: Method = Method.other;
  methodEnd = 0;
  /** The target to send on: origin-form or `*`. Empty if the client named an authority without a path. */
  targetFrom = 0;
  targetTo = 0;
  fieldsFrom = 0;
  minor: 0 | 1 = 1;
  /** The host and port that the client asked for; both 0 if it named none (HTTP/1.0 only). */
  hostFrom = 0;
  hostTo = 0;
  /** True if the target was absolute and there is no Host line to send on (HTTP/1.0 only). */
  hostInTarget = false;
  /** -1 if there is none. */
  contentLength = -1;
  chunked = false;
  keepAlive = true;
  /** The client asks to leave HTTP (RFC 9110 §7.8); the line that says for what. */
  upgrade = false;
  upgradeFrom = 0;
  upgradeTo = 0;
  expectsContinue = false;
  acceptsTrailers = false;
  readonly cuts: Cuts;
  /** Why the head was refused: for tests and logs. */
  why = '';

  constructor(limits: HeadLimits) {
    this.cuts = new Cuts(limits.fields + 1);
  }
  hasBody(): boolean {
    return this.chunked || this.contentLength > 0;
  }
  /** The end of the host without its port. */
  hostNameTo(bytes: Uint8Array): number {
    return hostNameEnd(bytes, this.hostFrom, this.hostTo);
  }
}

function refuse(head: RequestHead, status: Refusal, why: string): number {
  head.why = why;
  return -status;
}

const connectionSeen = 1;
const closeSeen = 2;
const keepAliveSeen = 4;
const upgradeSeen = 8;
const namedSeen = 16;
const transferSeen = 32;
const upgradeFieldSeen = 64;

/**
 * Reads the head of a request that begins at `from`, strictly (RFC 9112 §2-§5): whatever two parsers could read in two
 * ways is refused.
 *
 * Returns the index just past the head; 0 if more bytes are needed; or minus the status with which to refuse it (`Refusal`).
 * After a positive result `head` describes the request. Pure: same bytes, same result; the bytes are not kept.
 *
 * Where RFC 9112 leaves a choice: an absolute target must name the very host of the Host field (§3.2.2 would have us
 * believe the target; servers behind us may not), and must be `http:`; CONNECT is 501; `Transfer-Encoding` is `chunked` alone.
 */
export function parseRequestHead(
  bytes: Uint8Array,
  from: number,
  to: number,
  head: RequestHead,
  limits: HeadLimits,
): number {
  let i = from;
  if (i < to && bytes[i] === CR) {
    if (i + 1 >= to) return 0;
    if (bytes[i + 1] !== LF) return refuse(head, 400, 'bare CR before the request line');
    i += 2;
  }
  const start = i;
  head.start = start;

  // Request line.
  while (i < to && tokenOctets[bytes[i]!] === 1) i++;
  if (i - start > maxMethodBytes) return refuse(head, 501, 'method too long');
  if (i >= to) return 0;
  if (i === start || bytes[i] !== SP) return refuse(head, 400, 'no method');
  head.methodEnd = i;
  const method = methodOf(bytes, start, i);
  head.method = method;
  i++;
  const targetFrom = i;
  while (i < to && targetOctets[bytes[i]!] === 1) i++;
  if (i - targetFrom > limits.targetBytes) return refuse(head, 414, 'target too long');
  if (i >= to) return 0;
  if (i === targetFrom || bytes[i] !== SP) return refuse(head, 400, 'target or version malformed');
  head.targetFrom = targetFrom;
  head.targetTo = i;
  i++;
  // "HTTP/1.1\r\n": ten octets.
  if (to - i < 10) {
    return isVersionPrefix(bytes, i, to) ? 0 : refuse(head, 400, 'version malformed');
  }
  if (!isVersionPrefix(bytes, i, i + 10)) return refuse(head, 400, 'version malformed');
  const major = bytes[i + 5]! - 48;
  const minor = bytes[i + 7]! - 48;
  if (major !== 1 || minor > 1) return refuse(head, 505, 'version not spoken here');
  head.minor = minor === 1 ? 1 : 0;
  i += 10;
  head.fieldsFrom = i;
  if (method === Method.connect) return refuse(head, 501, 'CONNECT is not offered');

  // Fields.
  const cuts = head.cuts;
  cuts.count = 0;
  head.contentLength = -1;
  head.expectsContinue = false;
  head.acceptsTrailers = false;
  head.hostFrom = head.hostTo = 0;
  head.hostInTarget = false;
  let seen = 0;
  let fields = 0;
  const limit = from + limits.headBytes;
  for (;;) {
    if (i >= to) return to > limit ? refuse(head, 431, 'head too large') : 0;
    const line = i;
    let octet = bytes[i]!;
    if (octet === CR) {
      if (i + 1 >= to) return to > limit ? refuse(head, 431, 'head too large') : 0;
      if (bytes[i + 1] !== LF) return refuse(head, 400, 'bare CR');
      i += 2;
      break;
    }
    if (octet === SP || octet === TAB) return refuse(head, 400, 'folded line');
    if (++fields > limits.fields) return refuse(head, 431, 'too many fields');
    while (i < to && tokenOctets[bytes[i]!] === 1) i++;
    if (i >= to) return to > limit ? refuse(head, 431, 'head too large') : 0;
    if (bytes[i] !== COLON || i === line) return refuse(head, 400, 'field name malformed');
    const nameLength = i - line;
    i++;
    while (i < to && ((octet = bytes[i]!) === SP || octet === TAB)) i++;
    let valueFrom = i;
    while (i < to && valueOctets[bytes[i]!] === 1) i++;
    if (i + 1 >= to) {
      if (i < to && bytes[i] !== CR) return refuse(head, 400, 'control octet in a field');
      return to > limit ? refuse(head, 431, 'head too large') : 0;
    }
    if (bytes[i] !== CR || bytes[i + 1] !== LF) return refuse(head, 400, 'control octet in a field');
    let valueTo = i;
    i += 2;

    const field = fieldOf(bytes, line, nameLength);
    if (field === Field.other) continue;
    while (valueTo > valueFrom && ((octet = bytes[valueTo - 1]!) === SP || octet === TAB)) valueTo--;
    if (valueFrom > valueTo) valueFrom = valueTo;
    switch (field) {
      case Field.host:
        if (head.hostTo !== 0) return refuse(head, 400, 'Host repeated');
        if (!isHost(bytes, valueFrom, valueTo)) return refuse(head, 400, 'Host malformed');
        head.hostFrom = valueFrom;
        head.hostTo = valueTo;
        break;
      case Field.contentLength:
        if (bytes[line + 7] !== 45) return refuse(head, 400, 'alias of Content-Length');
        if (head.contentLength !== -1) return refuse(head, 400, 'Content-Length repeated');
        head.contentLength = contentLengthOf(bytes, valueFrom, valueTo);
        if (head.contentLength === -1) return refuse(head, 400, 'Content-Length malformed');
        break;
      case Field.transferEncoding:
        if (bytes[line + 8] !== 45) return refuse(head, 400, 'alias of Transfer-Encoding');
        if (seen & transferSeen) return refuse(head, 400, 'Transfer-Encoding repeated');
        if (valueTo - valueFrom !== 7 || !isName(bytes, valueFrom, text.chunked))
          return refuse(head, 400, 'Transfer-Encoding other than chunked');
        seen |= transferSeen;
        break;
      case Field.connection:
        cuts.add(line, i);
        seen |= connectionSeen | connectionOptions(bytes, valueFrom, valueTo);
        break;
      case Field.upgrade:
        // Of several protocols in several lines we would have to choose; such a request goes on without any.
        cuts.add(line, i);
        if (seen & upgradeFieldSeen) head.upgradeTo = 0;
        else {
          seen |= upgradeFieldSeen;
          head.upgradeFrom = line;
          head.upgradeTo = i;
          // A tunnel that speaks HTTP/2 would let requests pass that nobody here has read.
          if (startsWithH2c(bytes, valueFrom, valueTo)) head.upgradeTo = 0;
        }
        break;
      case Field.expect:
        if (valueTo - valueFrom === 12 && isName(bytes, valueFrom, text.continue))
          head.expectsContinue = true;
        break;
      case Field.te:
        cuts.add(line, i);
        eachElement(bytes, valueFrom, valueTo, (a, b) => {
          if (b - a === 8 && isName(bytes, a, text.trailers)) head.acceptsTrailers = true;
        });
        break;
      default:
        cuts.add(line, i);
    }
  }
  if (i > limit) return refuse(head, 431, 'head too large');
  head.end = i;

  const old = head.minor === 0;
  head.chunked = (seen & transferSeen) !== 0;
  if (head.chunked) {
    if (head.contentLength !== -1) return refuse(head, 400, 'Content-Length and Transfer-Encoding');
    if (old) return refuse(head, 400, 'Transfer-Encoding in HTTP/1.0');
  }
  if (head.hostTo === 0 && !old) return refuse(head, 400, 'Host missing');
  if (old) head.expectsContinue = false;
  head.keepAlive = (seen & closeSeen) === 0 && (!old || (seen & keepAliveSeen) !== 0);
  head.upgrade =
    (seen & upgradeSeen) !== 0 &&
    (seen & upgradeFieldSeen) !== 0 &&
    head.upgradeTo !== 0 &&
    !old &&
    !head.hasBody();
  if (seen & namedSeen) cutNamed(bytes, head);

  // Target (RFC 9112 §3.2).
  const first = bytes[head.targetFrom]!;
  if (first === 47) return i;
  if (first === 42 && head.targetTo - head.targetFrom === 1 && method === Method.options) return i;
  return absoluteTarget(bytes, head) ? i : refuse(head, 400, head.why);
}

/** Whether `bytes[from, to)` could begin `HTTP/d.d CR LF`. */
function isVersionPrefix(bytes: Uint8Array, from: number, to: number): boolean {
  const pattern = 'HTTP/0.0\r\n';
  for (let i = from, at = 0; i < to; i++, at++) {
    const octet = bytes[i]!;
    if (at === 5 || at === 7) {
      if (octet < 48 || octet > 57) return false;
    } else if (octet !== pattern.charCodeAt(at)) return false;
  }
  return true;
}

function startsWithH2c(bytes: Uint8Array, from: number, to: number): boolean {
  let found = false;
  eachElement(bytes, from, to, (a, b) => {
    if (b - a === 3 && isName(bytes, a, text.h2c)) found = true;
  });
  return found;
}

function connectionOptions(bytes: Uint8Array, from: number, to: number): number {
  // The two values that nearly every client sends.
  if (to - from === 10 && isName(bytes, from, text.keepAlive)) return keepAliveSeen;
  if (to - from === 5 && isName(bytes, from, text.close)) return closeSeen;
  let seen = 0;
  eachElement(bytes, from, to, (a, b) => {
    if (b - a === 5 && isName(bytes, a, text.close)) seen |= closeSeen;
    else if (b - a === 10 && isName(bytes, a, text.keepAlive)) seen |= keepAliveSeen;
    else if (b - a === 7 && isName(bytes, a, text.upgrade)) seen |= upgradeSeen;
    else if (!(b - a === 2 && isName(bytes, a, text.te))) seen |= namedSeen;
  });
  return seen;
}

/**
 * Cuts the fields that the Connection field names (RFC 9110 §7.6.1). What we ourselves read or write is not the client's to
 * drop: a client that names `X-Forwarded-For` would hide where it comes from (CVE-2024-45410).
 */
function cutNamed(bytes: Uint8Array, head: RequestHead): void {
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

/** Calls `visit` with each field line of a head that was read already: its start, the end of its name, the next line. */
export function eachLine(
  bytes: Uint8Array,
  from: number,
  end: number,
  visit: (line: number, nameTo: number, next: number) => void,
): void {
  for (let line = from; line < end - 2;) {
    const nameTo = bytes.indexOf(COLON, line);
    const next = bytes.indexOf(LF, nameTo) + 1;
    visit(line, nameTo, next);
    line = next;
  }
}

function absoluteTarget(bytes: Uint8Array, head: RequestHead): boolean {
  const { targetFrom, targetTo } = head;
  head.why = 'target is neither a path nor an http URI';
  if (targetTo - targetFrom <= 7 || !isName(bytes, targetFrom, text.http)) return false;
  const authority = targetFrom + 7;
  let path = authority;
  while (path < targetTo && bytes[path] !== 47 && bytes[path] !== 63) path++;
  head.why = 'authority of the target malformed';
  if (!isHost(bytes, authority, path)) return false;
  // "http://host?query" has no path to send on, and adding one would change the bytes that others sign or cache by.
  if (bytes[path] === 63) return false;
  head.why = 'target and Host disagree';
  if (head.hostTo === 0) {
    head.hostFrom = authority;
    head.hostTo = path;
    head.hostInTarget = true;
  } else if (!sameInAnyCase(bytes, authority, path, bytes, head.hostFrom, head.hostTo)) return false;
  head.targetFrom = path;
  return true;
}
