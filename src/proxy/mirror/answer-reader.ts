import type { Answer } from '../../core/mirror/comparison.ts';
import { ChunkedBody } from '../http1/chunked-body.ts';
import { responseHeadLimits } from '../http1/limits.ts';
import { eachLine } from '../http1/request-head.ts';
import { Framing, parseResponseHead, ResponseHead } from '../http1/response-head.ts';
import { decoded } from './content-coding.ts';

const head = new ResponseHead(responseHeadLimits);
const nothing = new Uint8Array(0);

/** An answer as it came: its content may be coded. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  readonly keepAlive: boolean;
  readonly idleSeconds: number;
}

/** How far an answer has come. `bad`: it is none; `long`: longer than is looked at; `switched`: it goes on as another protocol. */
export type Progress = 'more' | 'whole' | 'bad' | 'long' | 'switched';

/** Reads one answer out of bytes that come in pieces, interim ones passed over. */
export class AnswerReader {
  answer: RawAnswer | null = null;
  #pending: Uint8Array = nothing;
  #parts: Uint8Array[] = [];
  #length = 0;
  #left = 0;
  #framing: Framing | null = null;
  #chunks: ChunkedBody | null = null;

  constructor(
    private readonly toHead: boolean,
    private readonly mostBytes: number,
  ) {}

  feed(chunk: Uint8Array): Progress {
    if (this.#framing !== null) return this.#body(chunk);
    let bytes = chunk;
    if (this.#pending.length > 0) {
      bytes = Buffer.concat([this.#pending, chunk]);
      this.#pending = nothing;
    }
    for (let from = 0; from < bytes.length;) {
      const end = parseResponseHead(bytes, from, bytes.length, head, responseHeadLimits, this.toHead);
      if (end < 0) return 'bad';
      if (end === 0) {
        this.#pending = bytes.subarray(from);
        return 'more';
      }
      if (head.status === 101) return 'switched';
      if (head.status < 200) {
        from = end;
        continue;
      }
      const { status, keepAlive, idleSeconds, framing, contentLength } = head;
      this.answer = { status, headers: headersOf(bytes), body: nothing, keepAlive, idleSeconds };
      this.#framing = framing;
      this.#left = contentLength;
      if (framing === Framing.none) return 'whole';
      if (framing === Framing.length && contentLength > this.mostBytes) return 'long';
      if (framing === Framing.chunked) this.#chunks = new ChunkedBody();
      return this.#body(bytes.subarray(end));
    }
    return 'more';
  }

  /** The other end sends no more. */
  end(): Progress {
    if (this.#framing !== Framing.untilClose) return 'bad';
    this.#seal();
    return 'whole';
  }

  #body(bytes: Uint8Array): Progress {
    if (this.#framing === Framing.chunked) {
      const chunks = this.#chunks;
      if (chunks === null) return 'bad';
      const end = chunks.feed(bytes, 0, bytes.length, (from, to) => this.#add(bytes.subarray(from, to)));
      if (end < 0) return 'bad';
      if (this.#length > this.mostBytes) return 'long';
      if (!chunks.done) return 'more';
    } else if (this.#framing === Framing.length) {
      const part = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
      this.#left -= part.length;
      this.#add(part);
      if (this.#left > 0) return 'more';
    } else {
      this.#add(bytes);
      return this.#length > this.mostBytes ? 'long' : 'more';
    }
    this.#seal();
    return 'whole';
  }

  #add(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#length += part.length;
  }

  #seal(): void {
    const [first = nothing] = this.#parts;
    const body = this.#parts.length > 1 ? Buffer.concat(this.#parts) : first;
    if (this.answer) this.answer = { ...this.answer, body };
  }
}

/** The fields of the head that was read last, by name in lower case. */
function headersOf(bytes: Uint8Array): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  eachLine(bytes, head.fieldsFrom, head.end, (line, nameTo, next) => {
    const name = buffer.toString('latin1', line, nameTo).toLowerCase();
    const value = buffer.toString('latin1', nameTo + 1, next - 2).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  });
  return headers;
}

const codingOf = ({ headers }: RawAnswer): string => headers.get('content-encoding')?.toLowerCase() ?? '';

/**
 * Both answers with their content as it is without coding, where that is needed to compare them; undefined if it cannot be had.
 */
export function comparable(
  live: RawAnswer,
  idle: RawAnswer,
  mostBytes: number,
): { readonly live: Answer; readonly idle: Answer } | undefined {
  const [a, b] = [codingOf(live), codingOf(idle)];
  // The same bytes in the same coding are the same.
  if ((a === '' && b === '') || (a === b && Buffer.from(live.body).equals(idle.body))) return { live, idle };
  const ours = decoded(live.body, a, mostBytes);
  const theirs = decoded(idle.body, b, mostBytes);
  if (ours === undefined || theirs === undefined) return undefined;
  return { live: { ...live, body: ours }, idle: { ...idle, body: theirs } };
}
