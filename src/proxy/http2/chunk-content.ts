import { hexValue, LF } from '../http1/octets.ts';
import type { HeaderField } from './header-table.ts';

const State = { size: 0, extension: 1, data: 2, dataEnd: 3, trailer: 4, done: 5 } as const;

/**
 * Finds the content in a chunked body that was checked before, and can stop at any octet of it: as much is taken as may be sent just now.
 */
export class ChunkContent {
  /** Octets of content that follow at the index that `seek` returned. */
  ahead = 0;
  /** What came after the last chunk. */
  readonly trailers: HeaderField[] = [];
  private state: number = State.size;
  private size = 0;
  private line = '';

  get done(): boolean {
    return this.state === State.done;
  }

  /** Passes over what is no content in `bytes[from, to)`; returns where content begins, or `to`, or where the body ends (`done`). */
  seek(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && this.ahead === 0 && this.state !== State.done) {
      const octet = bytes[at++]!;
      switch (this.state) {
        case State.size:
          if (octet === LF) this.sized();
          else if (hexValue[octet] === 255) this.state = State.extension;
          else this.size = this.size * 16 + hexValue[octet]!;
          break;
        case State.extension:
          if (octet === LF) this.sized();
          break;
        case State.dataEnd:
          if (octet === LF) this.state = State.size;
          break;
        default:
          if (octet !== LF) {
            if (octet !== 13) this.line += String.fromCharCode(octet);
          } else if (this.line === '') this.state = State.done;
          else {
            const colon = this.line.indexOf(':');
            this.trailers.push([this.line.slice(0, colon).toLowerCase(), this.line.slice(colon + 1).trim()]);
            this.line = '';
          }
      }
    }
    return at;
  }

  /** So many octets of what was ahead were taken. */
  took(count: number): void {
    this.ahead -= count;
    if (this.ahead === 0) this.state = State.dataEnd;
  }

  private sized(): void {
    this.ahead = this.size;
    this.state = this.size === 0 ? State.trailer : State.data;
    this.size = 0;
  }
}
