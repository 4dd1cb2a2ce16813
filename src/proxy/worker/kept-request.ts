/** A request as it came, and what came of its body: kept until it cannot be sent again. */
export class KeptRequest {
  /** `bytes[from, to)`; null: it is not kept any more. */
  bytes: Uint8Array | null = null;
  from = 0;
  to = 0;

  keep(bytes: Uint8Array, from: number, to: number): void {
    this.bytes = bytes;
    this.from = from;
    this.to = to;
  }
  forget(): void {
    this.bytes = null;
  }
  /** More of its body is sent: it is kept as long as all of it is here, in no more than `most` bytes. */
  more(bytes: Uint8Array, from: number, to: number, most: number): void {
    if (this.bytes === null) return;
    const length = this.to - this.from;
    if (length + to - from > most) return this.forget();
    const grown = new Uint8Array(length + to - from);
    grown.set(this.bytes.subarray(this.from, this.to));
    grown.set(bytes.subarray(from, to), length);
    this.keep(grown, 0, grown.length);
  }
}
