import type { Address } from '../../core/address.ts';
import type { Dialer } from './dialer.ts';
import { InstanceSession, mostStreams, type SessionOwner } from './instance-session.ts';
import type { InstanceStream, StreamUser } from './instance-stream.ts';

/** Sessions with one instance: as many as there are connections of HTTP/1.1 at most. */
const mostSessions = 256;

/** Who wants a stream. */
export interface StreamSeeker extends StreamUser {
  /** It does not want one any more. */
  readonly isClosed: boolean;
  onOpen(stream: InstanceStream): void;
  onRefused(why: string | null): void;
}

/** What sessions need of those who have them. */
export interface SessionsHost {
  now(): number;
  onDefect(error: unknown): void;
  /** How long an instance may take to become ready, or to answer when it is in doubt. */
  readonly connectMs: number;
  readonly idleMs: number;
  /** Told of each session that begins and ends, so that none outlives its worker. */
  readonly alive: Set<InstanceSession>;
}

/** The sessions with one instance, and who waits for a stream on one. A new session is made only when those there are have no place left. */
export class InstanceSessions implements SessionOwner {
  private readonly sessions = new Set<InstanceSession>();
  private waiting: StreamSeeker[] = [];
  private retired = false;
  /** What the instance allowed last. */
  private capacity = mostStreams;

  constructor(
    private readonly host: SessionsHost,
    private readonly address: Address,
    private readonly dialer: Dialer,
  ) {}

  /** Gives the seeker a stream, now or when there is one. */
  connect(seeker: StreamSeeker): void {
    for (const session of this.sessions)
      if (session.places > 0) {
        this.give(session, seeker);
        return;
      }
    this.waiting.push(seeker);
    this.makeRoom();
  }

  /** The instance has left the table: what is open ends by itself. */
  retire(): void {
    this.retired = true;
    this.leaveIfRetired();
  }

  sweep(now: number): void {
    for (const session of [...this.sessions]) session.sweep(now, this.host.idleMs);
  }

  now(): number {
    return this.host.now();
  }
  onDefect(error: unknown): void {
    this.host.onDefect(error);
  }
  onRoom(session: InstanceSession): void {
    this.capacity = session.capacity;
    while (this.waiting.length > 0 && session.places > 0) {
      const seeker = this.waiting.shift()!;
      if (!seeker.isClosed) this.give(session, seeker);
    }
    this.makeRoom();
    this.leaveIfRetired();
  }
  onGone(session: InstanceSession, why: string | null): void {
    this.sessions.delete(session);
    this.host.alive.delete(session);
    if (session.ready) {
      this.makeRoom();
      return;
    }
    // While another one is there, those who wait may still have a stream of it.
    if (this.sessions.size > 0) return;
    const refused = this.waiting;
    this.waiting = [];
    for (const seeker of refused) if (!seeker.isClosed) seeker.onRefused(why);
  }

  /** What was begun has its stream first, also if it still waits for one. */
  private leaveIfRetired(): void {
    if (!this.retired || this.waiting.some(({ isClosed }) => !isClosed)) return;
    for (const session of [...this.sessions]) session.retire();
  }

  private give(session: InstanceSession, seeker: StreamSeeker): void {
    seeker.reused = session.proven;
    seeker.onOpen(session.openStream(seeker));
  }

  /** Begins as many sessions as those who wait need. */
  private makeRoom(): void {
    if (this.waiting.length === 0) return;
    this.waiting = this.waiting.filter(({ isClosed }) => !isClosed);
    let coming = 0;
    for (const session of this.sessions) if (!session.ready) coming += Math.max(1, this.capacity);
    while (coming < this.waiting.length && this.sessions.size < mostSessions) {
      this.begin();
      coming += Math.max(1, this.capacity);
    }
  }

  private begin(): void {
    const { host, dialer } = this;
    const session = new InstanceSession(this, dialer.secure, host.now() + host.connectMs, host.connectMs);
    this.sessions.add(session);
    host.alive.add(session);
    dialer.dial(this.address, session);
  }
}
