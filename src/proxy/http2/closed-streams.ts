/** How a stream ended, which says what a late frame of it means (RFC 9113 §5.1). */
export const Ending = {
  /** Both sides said all they had to say. */
  whole: 1,
  /** By our RST_STREAM: frames that were on their way are no fault. */
  ours: 2,
  /** By the client's RST_STREAM. */
  theirs: 3,
} as const;
export type Ending = (typeof Ending)[keyof typeof Ending];

/** Remembers how the last streams of a connection ended; the oldest are forgotten. */
export class ClosedStreams {
  private readonly endings = new Map<number, Ending>();

  constructor(private readonly most = 256) {}

  add(stream: number, ending: Ending): void {
    this.endings.set(stream, ending);
    if (this.endings.size <= this.most) return;
    for (const oldest of this.endings.keys()) {
      this.endings.delete(oldest);
      return;
    }
  }

  of(stream: number): Ending | undefined {
    return this.endings.get(stream);
  }
}
