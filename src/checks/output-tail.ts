const limitBytes = 65_536;
const limitLines = 40;

/** The end of what a command wrote, both its outputs in the order in which they came: at most 40 lines and 64 KiB, however much it writes. */
export class OutputTail {
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    for (
      let first = this.#chunks[0];
      first && this.#bytes - first.length >= limitBytes;
      first = this.#chunks[0]
    ) {
      this.#chunks.shift();
      this.#bytes -= first.length;
    }
  }

  /** Without colours and control characters, so that it can neither move a terminal's cursor nor forge a line. */
  lines(): string[] {
    const text = Bun.stripANSI(Buffer.concat(this.#chunks).subarray(-limitBytes).toString('utf8'));
    const lines = text
      .split(/\r?\n|\r/)
      .map((line) => line.replace(/[\p{Cc}\u2028\u2029]/gu, (control) => (control === '\t' ? control : '')));
    if (lines.at(-1) === '') lines.pop();
    return lines.slice(-limitLines);
  }
}
