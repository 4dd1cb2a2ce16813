const CLOSE = 8;

/**
 * Where the frames of one direction of a WebSocket end (RFC 6455 §5.2), whatever is in them: a frame of one's own may be sent only there. It
 * judges nothing; what is no WebSocket has its boundaries somewhere, too.
 */
export class FrameBoundary {
  /** A close frame has begun: no other frame may follow it (§5.5.1). */
  closing = false;
  /** Octets of the header that were read. */
  private header = 0;
  /** Octets of the header that are to come, after the first two. */
  private rest = 0;
  /** Of these, the ones that say the length. */
  private lengthOctets = 0;
  private opcode = 0;
  private length = 0;
  /** Octets of the payload that are to come. */
  private left = 0;

  /** No frame is in progress. */
  get between(): boolean {
    return this.header === 0 && this.left === 0;
  }

  /**
   * Goes on to read `bytes[from, to)`; with `stop`, no further than to the end of the frame in progress.
   *
   * @returns where it stopped
   */
  feed(bytes: Uint8Array, from: number, to: number, stop: boolean): number {
    let at = from;
    while (at < to) {
      if (this.left > 0) {
        const count = Math.min(this.left, to - at);
        this.left -= count;
        at += count;
        if (this.left > 0) return at;
      } else if (!this.readHeader(bytes[at++]!)) continue;
      if (stop && this.between) return at;
    }
    return at;
  }

  /** True if that was the header's last octet. */
  private readHeader(octet: number): boolean {
    if (this.header === 0) {
      this.opcode = octet & 0x0f;
      this.header = 1;
      return false;
    }
    if (this.header === 1) {
      const short = octet & 0x7f;
      this.lengthOctets = short === 126 ? 2 : short === 127 ? 8 : 0;
      this.length = this.lengthOctets === 0 ? short : 0;
      this.rest = this.lengthOctets + (octet >= 0x80 ? 4 : 0);
      this.header = 2;
    } else {
      if (this.lengthOctets > 0) {
        this.length = this.length * 256 + octet;
        this.lengthOctets--;
      }
      this.rest--;
    }
    if (this.rest > 0) return false;
    if (this.opcode === CLOSE) this.closing = true;
    this.header = 0;
    this.left = this.length;
    return true;
  }
}
