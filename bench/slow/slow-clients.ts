// Clients that are as slow as they can be, in a process of their own: `slow-clients.ts HOST PORT SECONDS PACE KIND CLIENTS …`.
// PACE: so many are opened a second, of all kinds together; 0: as fast as it goes.
//   heads   a head that never ends, a line every 5 s
//   bodies  a body that never ends, a byte every 5 s
//   reads   asks for 10 MB in 100 responses and reads none of them
// Prints one line of JSON for each kind when all are closed or the time is over: {kind, clients, closed, closedBy,
// openedAt, seconds}; `openedAt` is when the last was opened, in ms since 1970.
import type { Socket } from 'bun';

const [hostname = '', port = '', limit = '', pace = '', ...wishes] = process.argv.slice(2);
const dripMs = 5000;
/** Opened at a time, so that the queue of the listening socket has room; and at a pace, so that they come one after the other. */
const together = Number(pace) === 0 ? 50 : 5;
const get = `GET /large HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;

const kinds = {
  heads: { first: `GET / HTTP/1.1\r\nHost: ${hostname}\r\n`, drop: 'X: 1\r\n', reads: true },
  bodies: {
    first: `POST / HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 100000\r\n\r\n`,
    drop: 'x',
    reads: true,
  },
  reads: { first: get.repeat(100), drop: '', reads: false },
} as const;
type Kind = keyof typeof kinds;
const isKind = (text: string): text is Kind => text in kinds;

/** How the clients of a kind ended, by the status that they were told, or `closed` and `reset` for those that were told none. */
class Group {
  closed = 0;
  readonly closedBy: Record<string, number> = {};
  private readonly open = new Set<Socket<{ told: string }>>();
  private readonly over = Promise.withResolvers<void>();
  private readonly began = performance.now();
  private lastAt = this.began;

  constructor(
    readonly kind: Kind,
    readonly clients: number,
    /** Milliseconds from one to the next. */
    private readonly apartMs: number,
  ) {}

  async run(): Promise<void> {
    const { first, drop, reads } = kinds[this.kind];
    const timer = setTimeout(() => this.over.resolve(), Number(limit) * 1000);
    const drip = setInterval(() => {
      if (drop !== '') for (const socket of this.open) socket.write(drop);
    }, dripMs);
    for (let n = 0; n < this.clients; n += together) {
      const early = this.began + n * this.apartMs - performance.now();
      if (early > 0) await Bun.sleep(early);
      await Promise.all(
        Array.from({ length: Math.min(together, this.clients - n) }, async () => {
          const socket = await Bun.connect<{ told: string }>({
            hostname,
            port: Number(port),
            data: { told: '' },
            socket: {
              data: (from, bytes) => {
                from.data.told ||= bytes.subarray(9, 12).toString('latin1');
              },
              end: (from) => void from.end(),
              close: (from, error) => this.left(from, error !== undefined),
            },
          });
          if (!reads) socket.pause();
          this.open.add(socket);
          socket.write(first);
        }),
      );
    }
    const openedAt = Date.now();
    if (!reads) setInterval(() => this.look(), 1000).unref();
    await this.over.promise;
    clearTimeout(timer);
    clearInterval(drip);
    const seconds = Number(((this.lastAt - this.began) / 1000).toFixed(1));
    const { kind, clients, closed, closedBy } = this;
    console.log(JSON.stringify({ kind, clients, closed, closedBy, openedAt, seconds }));
  }

  /** A socket that is not read does not hear of its end by itself; what is sent to one that was reset tells. */
  private look(): void {
    for (const socket of this.open) socket.write('\r\n');
  }

  private left(socket: Socket<{ told: string }>, reset: boolean): void {
    if (!this.open.delete(socket)) return;
    this.closed++;
    const by = socket.data.told || (reset ? 'reset' : 'closed');
    this.closedBy[by] = (this.closedBy[by] ?? 0) + 1;
    this.lastAt = performance.now();
    if (this.closed === this.clients) this.over.resolve();
  }
}

const wanted: (readonly [kind: Kind, clients: number])[] = [];
for (let at = 0; at < wishes.length; at += 2) {
  const kind = wishes[at] ?? '';
  if (!isKind(kind)) throw new Error(`there is no kind "${kind}" of slow clients`);
  wanted.push([kind, Number(wishes[at + 1])]);
}
// Each kind has its share of the pace, so that all are open at the same time.
const total = wanted.reduce((sum, [, clients]) => sum + clients, 0);
const apartMs = (clients: number): number =>
  Number(pace) === 0 ? 0 : (1000 * total) / (Number(pace) * clients);
const groups = wanted.map(([kind, clients]) => new Group(kind, clients, apartMs(clients)));
await Promise.all(groups.map((group) => group.run()));
process.exit(0);
