import { Field, fieldOf } from './field.ts';
import { COLON, CR, hexValue, LF, tokenOctets, valueOctets } from './octets.ts';

/** More digits than this would not fit an exact number. */
const maxSizeDigits = 13;
/** Chunk extensions carry nothing that anyone uses; without limits they are a way to send bytes that no body limit counts. */
const maxExtensionBytes = 512;
const maxExtensionBytesInBody = 16_384;
const maxTrailerBytes = 8192;
const maxTrailerLine = 4096;

const State = {
  size: 0,
  extension: 1,
  sizeLf: 2,
  data: 3,
  dataCr: 4,
  dataLf: 5,
  trailer: 6,
  endLf: 7,
  done: 8,
} as const;

/**
 * Finds the end of a chunked body (RFC 9112 §7.1) in bytes that come in pieces, strictly, without copying any: the body is
 * sent on as it came. One scanner serves one direction of one connection and is reset for each body.
 */
export class ChunkedBody {
  done = false;
  why = '';
  private state: number = State.size;
  private left = 0;
  private digits = 0;
  private extension = 0;
  private extensions = 0;
  private trailers = 0;
  private line: Uint8Array | null = null;
  private lineLength = 0;

  reset(): void {
    this.done = false;
    this.state = State.size;
    this.left = this.digits = this.extension = this.extensions = this.trailers = this.lineLength = 0;
  }

  /**
   * Reads on in `bytes[from, to)`. Returns the index after the last byte that belongs to the body (`to` unless `done`), or -1
   * if the body is not valid: then nothing of these bytes may be sent on. `onData` is told where the content itself is.
   */
  feed(bytes: Uint8Array, from: number, to: number, onData?: (from: number, to: number) => void): number {
    let i = from;
    while (i < to) {
      const octet = bytes[i]!;
      switch (this.state) {
        case State.size: {
          const digit = hexValue[octet]!;
          if (digit !== 255) {
            if (++this.digits > maxSizeDigits) return this.invalid('chunk size too large');
            this.left = this.left * 16 + digit;
          } else if (this.digits === 0) return this.invalid('chunk size missing');
          else if (octet === CR) this.state = State.sizeLf;
          else if (octet === 59) this.state = State.extension;
          else return this.invalid('chunk size malformed');
          i++;
          break;
        }
        case State.extension:
          if (octet === CR) this.state = State.sizeLf;
          else if (valueOctets[octet] !== 1) return this.invalid('control octet in a chunk extension');
          else if (++this.extension > maxExtensionBytes || ++this.extensions > maxExtensionBytesInBody)
            return this.invalid('chunk extensions too long');
          i++;
          break;
        case State.sizeLf:
          if (octet !== LF) return this.invalid('bare CR after a chunk size');
          this.digits = this.extension = 0;
          this.state = this.left === 0 ? State.trailer : State.data;
          i++;
          break;
        case State.data: {
          const end = to - i < this.left ? to : i + this.left;
          onData?.(i, end);
          this.left -= end - i;
          i = end;
          if (this.left === 0) this.state = State.dataCr;
          break;
        }
        case State.dataCr:
          if (octet !== CR) return this.invalid('chunk longer than its size');
          this.state = State.dataLf;
          i++;
          break;
        case State.dataLf:
          if (octet !== LF) return this.invalid('chunk longer than its size');
          this.state = State.size;
          i++;
          break;
        case State.trailer:
          if (++this.trailers > maxTrailerBytes) return this.invalid('trailers too long');
          if (octet === LF) return this.invalid('bare LF in a trailer');
          if (octet === CR) {
            if (this.lineLength > 0 && !this.isTrailer()) return -1;
            this.state = State.endLf;
          } else {
            this.line ??= new Uint8Array(maxTrailerLine);
            if (this.lineLength >= maxTrailerLine) return this.invalid('trailer too long');
            this.line[this.lineLength++] = octet;
          }
          i++;
          break;
        default:
          if (octet !== LF) return this.invalid('bare CR in a trailer');
          i++;
          if (this.lineLength === 0) {
            this.state = State.done;
            this.done = true;
            return i;
          }
          this.lineLength = 0;
          this.state = State.trailer;
      }
    }
    return i;
  }

  /** A trailer may not say what only a head may (RFC 9110 §6.5.1): a reader that merges the two would believe it. */
  private isTrailer(): boolean {
    const line = this.line!;
    let at = 0;
    while (at < this.lineLength && tokenOctets[line[at]!] === 1) at++;
    this.why = 'trailer malformed';
    if (at === 0 || at === this.lineLength || line[at] !== COLON) return false;
    for (let i = at + 1; i < this.lineLength; i++) if (valueOctets[line[i]!] !== 1) return false;
    this.why = 'trailer names a field of the head';
    return fieldOf(line, 0, at) === Field.other;
  }

  private invalid(why: string): -1 {
    this.why = why;
    return -1;
  }
}
