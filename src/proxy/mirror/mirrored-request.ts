import type { Redaction } from '../../core/mirror/redaction.ts';
import { parseJson } from '../../core/mirror/json-difference.ts';
import { ChunkedBody } from '../http1/chunked-body.ts';
import {
  Method,
  isIdempotent,
  isSafe,
  parseRequestHead,
  RequestHead,
  eachLine,
} from '../http1/request-head.ts';
import type { HeadLimits } from '../http1/limits.ts';

// It was within the limits of its route.
const limits: HeadLimits = { targetBytes: 0x3fffffff, headBytes: 0x3fffffff, fields: 1024 };
const head = new RequestHead(limits);
const mark = Buffer.from('Cutover-Mirror: 1\r\n');
const shownBodyBytes = 4096;

/** A request as an instance got it. */
export class MirroredRequest {
  readonly method: string;
  readonly target: string;
  readonly safe: boolean;
  readonly idempotent: boolean;
  readonly toHead: boolean;

  private constructor(
    private readonly bytes: Buffer,
    private readonly headLength: number,
  ) {
    this.method = bytes.toString('latin1', head.start, head.methodEnd);
    this.target = bytes.toString('latin1', head.targetFrom, head.targetTo);
    this.safe = isSafe(head.method);
    this.idempotent = isIdempotent(head.method);
    this.toHead = head.method === Method.head;
  }

  /** Null for what is no request. */
  static read(bytes: Uint8Array, headLength: number): MirroredRequest | null {
    if (parseRequestHead(bytes, 0, headLength, head, limits) !== headLength) return null;
    return new MirroredRequest(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), headLength);
  }

  /** The same request, marked as a copy, without the fields of these names (lower case). */
  copy(strip: ReadonlySet<string>): Uint8Array {
    const { bytes, headLength } = this;
    const end = headLength - 2;
    if (strip.size === 0) {
      const copy = Buffer.allocUnsafe(bytes.length + mark.length);
      bytes.copy(copy, 0, 0, end);
      mark.copy(copy, end);
      bytes.copy(copy, end + mark.length, end);
      return copy;
    }
    const pieces: Uint8Array[] = [];
    let from = 0;
    parseRequestHead(bytes, 0, headLength, head, limits);
    eachLine(bytes, head.fieldsFrom, head.end, (line, nameTo, next) => {
      if (!strip.has(bytes.toString('latin1', line, nameTo).toLowerCase())) return;
      pieces.push(bytes.subarray(from, line));
      from = next;
    });
    return Buffer.concat([...pieces, bytes.subarray(from, end), mark, bytes.subarray(end)]);
  }

  /** What an example shows of it. */
  shown(redaction: Redaction): {
    readonly request: string;
    readonly headers: Record<string, string>;
    readonly body: string | null;
  } {
    const { bytes, headLength, method, target } = this;
    parseRequestHead(bytes, 0, headLength, head, limits);
    const headers: Record<string, string> = {};
    let type = '';
    const { chunked } = head;
    eachLine(bytes, head.fieldsFrom, head.end, (line, nameTo, next) => {
      const name = bytes.toString('latin1', line, nameTo).toLowerCase();
      const value = bytes.toString('latin1', nameTo + 1, next - 2).trim();
      if (name === 'content-type') type = value;
      headers[name] = redaction.header(name, value) ?? '';
    });
    const content = chunked ? withoutChunks(bytes.subarray(headLength)) : bytes.subarray(headLength);
    const text = content.toString('utf8', 0, Math.min(content.length, shownBodyBytes));
    return {
      request: `${method} ${redaction.target(target)}`,
      headers,
      body: content.length === 0 ? null : redaction.body(type, text, parseJson),
    };
  }
}

function withoutChunks(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  new ChunkedBody().feed(bytes, 0, bytes.length, (from, to) => void parts.push(bytes.subarray(from, to)));
  return Buffer.concat(parts);
}
