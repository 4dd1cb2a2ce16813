import type { Colour } from '../../core/colour.ts';
import type { ClientConnection, ClientUser } from './client-connection.ts';

const tickMs = 20;

interface Leaving {
  readonly user: ClientUser;
  /** Which of the user's requests is meant: an exchange is used again. */
  readonly begunAt: number;
  readonly due: number;
}

/**
 * Ends what does not end by itself, spread over a time and never all at once: whoever is cut comes back, and a thousand that come back in the same
 * moment are a storm that no instance asked for.
 */
export class Evictions {
  private readonly leaving = new Map<ClientConnection, Leaving>();
  private timer: Timer | undefined;

  constructor(
    private readonly now: () => number,
    private readonly random: () => number = Math.random,
  ) {}

  /** Has these ended within `overMs`, each at a moment of its own. One that is to be ended sooner already stays so. */
  add(clients: readonly ClientConnection[], overMs: number): void {
    const now = this.now();
    const order = this.shuffled(clients);
    for (const [index, client] of order.entries()) {
      const user = client.usedBy;
      if (user === null) continue;
      // What will most likely end by itself gets the whole time for it.
      const due = now + (user.lasting ? ((index + this.random()) / order.length) * overMs : overMs);
      const known = this.leaving.get(client);
      if (known?.user === user && known.begunAt === user.begunAt && known.due <= due) continue;
      this.leaving.set(client, { user, begunAt: user.begunAt, due });
    }
    if (this.leaving.size === 0) return;
    this.timer ??= setInterval(() => this.end(), tickMs);
    this.end();
  }

  /** What is on this side may stay after all: it gets requests again. */
  spare(service: string, colour: Colour): void {
    for (const [client, { user }] of this.leaving)
      if (user.side?.service === service && user.side.colour === colour) this.leaving.delete(client);
  }

  stop(): void {
    this.leaving.clear();
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private end(): void {
    const now = this.now();
    for (const [client, { user, begunAt, due }] of this.leaving) {
      if (due > now) continue;
      this.leaving.delete(client);
      if (client.usedBy === user && user.begunAt === begunAt) user.onEvict();
    }
    if (this.leaving.size === 0) this.stop();
  }

  private shuffled(clients: readonly ClientConnection[]): ClientConnection[] {
    const order = [...clients];
    for (let n = order.length - 1; n > 0; n--) {
      const other = Math.floor(this.random() * (n + 1));
      [order[n], order[other]] = [order[other]!, order[n]!];
    }
    return order;
  }
}
