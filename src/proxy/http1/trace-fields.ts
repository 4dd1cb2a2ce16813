import { ascii, COLON, copy, isName, LF, SP, TAB } from './octets.ts';
import type { RequestHead } from './request-head.ts';

const names = {
  requestId: ascii('x-request-id'),
  traceparent: ascii('traceparent'),
  tracestate: ascii('tracestate'),
};
const lines = {
  requestId: ascii('X-Request-Id: '),
  traceparent: ascii('traceparent: 00-'),
};
const longestId = 128;
const hexDigits = ascii('0123456789abcdef');
/** Letters, digits and `-._~:@=+/`: what request ids are made of, and nothing that a log or a shell would read as more. */
const idOctets = Uint8Array.from({ length: 256 }, (_, o) =>
  /[A-Za-z0-9\-._~:@=+/]/.test(String.fromCharCode(o)) ? 1 : 0,
);
const isLowerHex = (o: number): boolean => (o >= 48 && o <= 57) || (o >= 97 && o <= 102);
const DASH = 45;

/** Writes `count` random hexadecimal digits: to tell requests apart, not to be secret. */
function writeRandomHex(target: Uint8Array, at: number, count: number): void {
  for (let i = 0; i < count; i += 8) {
    let word = (Math.random() * 0x1_0000_0000) >>> 0;
    const to = Math.min(i + 8, count);
    for (let j = i; j < to; j++) {
      target[at + j] = hexDigits[word & 15]!;
      word >>>= 4;
    }
  }
}

function isHex(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!isLowerHex(bytes[i]!)) return false;
  return true;
}
function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 48) return false;
  return true;
}

/**
 * Whether `bytes[from, to)` is a `traceparent` (W3C Trace Context, §3.2): version, trace id, parent id, flags, in lower-case hexadecimal.
 * A version that we do not know may say more after a dash (§4.3).
 */
export function isTraceparent(bytes: Uint8Array, from: number, to: number): boolean {
  const length = to - from;
  if (length < 55) return false;
  if (bytes[from + 2] !== DASH || bytes[from + 35] !== DASH || bytes[from + 52] !== DASH) return false;
  if (!isHex(bytes, from, from + 2) || (bytes[from] === 102 && bytes[from + 1] === 102)) return false;
  if (!isHex(bytes, from + 3, from + 35) || isZero(bytes, from + 3, from + 35)) return false;
  if (!isHex(bytes, from + 36, from + 52) || isZero(bytes, from + 36, from + 52)) return false;
  if (!isHex(bytes, from + 53, from + 55)) return false;
  return length === 55 || (bytes[from + 55] === DASH && !isZero(bytes, from, from + 2));
}

/** Whether `bytes[from, to)` is a request id that is passed on: 1 to 128 octets of a narrow set. */
export function isRequestId(bytes: Uint8Array, from: number, to: number): boolean {
  if (to === from || to - from > longestId) return false;
  for (let i = from; i < to; i++) if (idOctets[bytes[i]!] !== 1) return false;
  return true;
}

/** What is said of a request of which spans are made: our own span is the parent of what the instance does. */
export interface SpanContext {
  /** 32 hexadecimal digits. */
  readonly trace: string;
  /** 16 of them, of the span around what the instance does. */
  readonly client: string;
  /** What came with it, which keeps its `tracestate`; null: the trace begins here. */
  readonly parent: string | null;
}

const textAt = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');

/** So many random hexadecimal digits, not all zero: to tell requests apart, not to be secret. */
export function randomHex(count: number): string {
  const digits = new Uint8Array(count);
  writeRandomHex(digits, 0, count);
  digits[0] = 49;
  return textAt(digits, 0, count);
}

/** Where a value stands in the head of a request; `from` is -1 if there is none that is passed on. */
interface Place {
  from: number;
  to: number;
}

/**
 * The request id and the trace context of one request: what the client sent and is passed on, or what is made for it, the same on every attempt.
 * Reused from request to request.
 */
export class TraceFields {
  /** 32 digits for the id, which are the trace id too, so that one finds the other; 16 for the parent. */
  private readonly made = new Uint8Array(48);
  private readonly id: Place = { from: -1, to: -1 };
  private readonly parent: Place = { from: -1, to: -1 };

  /** Null unless spans are made of this request. */
  private span: SpanContext | null = null;

  /** Makes what may be needed for a new request. */
  begin(span: SpanContext | null): void {
    this.span = span;
    writeRandomHex(this.made, 0, 48);
    // A trace id or a parent of zeroes alone is invalid.
    this.made[0] = this.made[32] = 49;
    if (span === null) return;
    for (let i = 0; i < 32; i++) this.made[i] = span.trace.charCodeAt(i);
    for (let i = 0; i < 16; i++) this.made[32 + i] = span.client.charCodeAt(i);
  }

  /** The id that the instance gets, after `read` of this request. */
  requestId(bytes: Uint8Array): string {
    const { id, made } = this;
    return id.from === -1 ? textAt(made, 0, 32) : textAt(bytes, id.from, id.to);
  }
  /** The trace that the instance hears of, after `read` of this request. */
  traceId(bytes: Uint8Array): string {
    const { parent, made } = this;
    return parent.from === -1 ? textAt(made, 0, 32) : textAt(bytes, parent.from + 3, parent.from + 35);
  }

  /** The id that was made for this request; the instance gets it if there was none that is passed on. */
  madeId(): string {
    return Buffer.from(this.made.subarray(0, 32)).toString('latin1');
  }

  /** Looks at a head that was read, and cuts from it what is malformed, repeated, or belongs to a trace that is not passed on. */
  read(bytes: Uint8Array, head: RequestHead, requestId: boolean, traceContext: boolean): void {
    const { id, parent } = this;
    id.from = parent.from = -1;
    let parents = 0;
    for (let line = head.fieldsFrom; line < head.end - 2;) {
      const next = bytes.indexOf(LF, line) + 1;
      if (requestId && bytes[line + 12] === COLON && isName(bytes, line, names.requestId)) {
        // Two ids would be read differently by those behind us: the first that can stay does.
        if (id.from === -1 && !isCut(head, line)) place(bytes, line + 13, next - 2, id);
        else head.cuts.insert(line, next);
        if (id.from !== -1 && !isRequestId(bytes, id.from, id.to)) {
          id.from = -1;
          head.cuts.insert(line, next);
        }
      } else if (traceContext && bytes[line + 11] === COLON && isName(bytes, line, names.traceparent)) {
        // One that a client names in Connection is not passed on, so it does not count.
        if (!isCut(head, line)) place(bytes, line + 12, next - 2, parent);
        parents++;
      }
      line = next;
    }
    if (!traceContext) return;
    const { span } = this;
    const valid = parents === 1 && parent.from !== -1 && isTraceparent(bytes, parent.from, parent.to);
    if (valid && span === null) return;
    parent.from = -1;
    const keepsState = valid && span !== null && span.parent !== null;
    // A state says nothing without its trace (§3.3.1.1), and of two traces none is known to be ours.
    for (let line = head.fieldsFrom; line < head.end - 2;) {
      const next = bytes.indexOf(LF, line) + 1;
      if (bytes[line + 11] === COLON && isName(bytes, line, names.traceparent)) head.cuts.insert(line, next);
      else if (!keepsState && bytes[line + 10] === COLON && isName(bytes, line, names.tracestate))
        head.cuts.insert(line, next);
      line = next;
    }
  }

  /** Adds what was made to a head of `length` bytes that was written to `target`, before its empty line; returns the new length. */
  write(target: Uint8Array, length: number, requestId: boolean, traceContext: boolean): number {
    const addId = requestId && this.id.from === -1;
    const addParent = traceContext && this.parent.from === -1;
    if (!addId && !addParent) return length;
    const { made } = this;
    let at = length - 2;
    if (addId) {
      at = copy(lines.requestId, 0, lines.requestId.length, target, at);
      at = endLine(target, copy(made, 0, 32, target, at));
    }
    if (addParent) {
      at = copy(lines.traceparent, 0, lines.traceparent.length, target, at);
      at = copy(made, 0, 32, target, at);
      target[at++] = DASH;
      at = copy(made, 32, 48, target, at);
      // Flags: whether it is sampled, and that a trace id of ours is random (Level 2, §3.2.2.5.2).
      const { span } = this;
      target[at++] = DASH;
      target[at++] = 48;
      target[at++] = span === null ? 50 : span.parent === null ? 51 : 49;
      at = endLine(target, at);
    }
    return endLine(target, at);
  }
}

/** Whether the line that begins here is left out already. */
function isCut({ cuts }: RequestHead, line: number): boolean {
  for (let cut = 0; cut < cuts.count; cut++) if (cuts.from(cut) === line) return true;
  return false;
}

function endLine(target: Uint8Array, at: number): number {
  target[at] = 13;
  target[at + 1] = LF;
  return at + 2;
}

function place(bytes: Uint8Array, from: number, to: number, found: Place): void {
  while (from < to && (bytes[from] === SP || bytes[from] === TAB)) from++;
  while (to > from && (bytes[to - 1] === SP || bytes[to - 1] === TAB)) to--;
  found.from = from;
  found.to = to;
}
