import { chmodSync, rmSync } from 'node:fs';
import { setPriority } from 'node:os';
import type { UnixSocketListener } from 'bun';
import { formatAddress } from '../../core/address.ts';
import { type Colour, other } from '../../core/colour.ts';
import type { Route } from '../../core/traffic.ts';
import { instanceKey } from '../table/instance-key.ts';
import { Dialers } from '../worker/dialers.ts';
import { InstancePool } from '../worker/instance-pool.ts';
import { defaultLimits } from '../worker/limits.ts';
import { Plane } from '../worker/plane.ts';
import { FrameReader } from './frame.ts';
import { MirrorOrder, type MirrorWord } from './messages.ts';
import { Replayer } from './replayer.ts';
import { ReportFolder } from './report-folder.ts';

const sweepMs = 50;
const poolSweepMs = 1000;
const writeMs = 1000;
/** How long copies that are still on their way are waited for once a mirror is off, beyond its timeout. */
const lastCopiesMs = 500;
/** Users come first: where processors are scarce, copies wait. */
const niceness = 10;

const say = (line: string): void => void process.stderr.write(`mirror ${process.pid}: ${line}\n`);

/** Takes copies from the workers, replays them, and keeps the reports. */
class Mirror {
  readonly #plane = new Plane(
    defaultLimits,
    () => performance.now(),
    (error) => say(`defect: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
    say,
    () => undefined,
    () => {
      throw new Error('nobody is served here');
    },
  );
  readonly #dialers = new Dialers(this.#plane.now);
  #pools = new Map<string, InstancePool>();
  readonly #replayers = new Map<string, Replayer>();
  readonly #folder: ReportFolder;
  readonly #listener: UnixSocketListener<FrameReader>;
  readonly #timers: Timer[];

  constructor(
    private readonly socket: string,
    folder: string,
  ) {
    this.#folder = new ReportFolder(folder);
    rmSync(socket, { force: true });
    const mask = process.umask(0o177);
    try {
      this.#listener = this.#listen();
    } finally {
      process.umask(mask);
    }
    chmodSync(socket, 0o600);
    this.#timers = [
      setInterval(() => this.#sweep(), sweepMs),
      setInterval(() => {
        const now = this.#plane.tick();
        for (const pool of this.#pools.values()) pool.sweep(now);
      }, poolSweepMs),
      setInterval(() => this.#writeAll(), writeMs),
    ];
  }

  #listen(): UnixSocketListener<FrameReader> {
    return Bun.listen<FrameReader>({
      unix: this.socket,
      socket: {
        open: (socket) => {
          socket.data = new FrameReader((frame) => {
            const replayer = this.#replayers.get(frame.subject);
            if (replayer === undefined) return;
            if (frame.kind === 'copy') replayer.take(frame);
            else replayer.count(frame);
          });
        },
        data: (socket, bytes) => {
          this.#plane.tick();
          try {
            socket.data.feed(bytes);
          } catch (error) {
            say(`a worker is not understood: ${error instanceof Error ? error.message : String(error)}`);
            socket.terminate();
          }
        },
      },
    });
  }

  follow(routes: readonly Route[]): void {
    const pools = new Map<string, InstancePool>();
    const named = new Set<string>();
    for (const route of routes) {
      const { mirror, service } = route;
      if (mirror === undefined) continue;
      const sides = {
        idle: this.#poolsOf(route, mirror.to, pools),
        live: this.#poolsOf(route, other(mirror.to), pools),
      };
      const subject = `${service}\n${mirror.id}`;
      named.add(subject);
      const known = this.#replayers.get(subject);
      if (known !== undefined && Bun.deepEquals(known.mirror, mirror)) {
        known.use(sides);
        known.endedAt = null;
        continue;
      }
      // The same mirror with other rules goes on with what was counted.
      if (known !== undefined) this.#write(known, true);
      const former = this.#folder.read(service, mirror.id);
      const replayer = new Replayer(this.#plane, route, mirror, service, sides, Date.now, former);
      this.#replayers.set(subject, replayer);
      this.#write(replayer, true);
      this.#folder.prune(service);
    }
    const now = this.#plane.tick();
    for (const [subject, replayer] of this.#replayers)
      if (!named.has(subject) && replayer.endedAt === null) {
        replayer.endedAt = now;
        replayer.changed = true;
        // They are needed until the last copy is answered.
        for (const [key, pool] of this.#pools) if (!pools.has(key)) pools.set(key, pool);
      }
    for (const [key, pool] of this.#pools) if (pools.get(key) !== pool) pool.retire();
    this.#pools = pools;
    this.#dialers.keepOnly(new Set(routes.map(({ service }) => service)));
  }

  #poolsOf(route: Route, colour: Colour, pools: Map<string, InstancePool>): InstancePool[] {
    const { release, instances, upstream } = route[colour];
    const dialer = this.#dialers.of(route.service, colour, upstream);
    return instances.map((address) => {
      const key = instanceKey(route.service, colour, release, formatAddress(address));
      const known = this.#pools.get(key);
      const pool = known?.dialer === dialer ? known : new InstancePool(this.#plane, address, dialer);
      pools.set(key, pool);
      return pool;
    });
  }

  #sweep(): void {
    const now = this.#plane.tick();
    for (const [subject, replayer] of this.#replayers) {
      replayer.sweep(now);
      const { endedAt, mirror } = replayer;
      if (endedAt === null || now - endedAt < lastCopiesMs) continue;
      if (!replayer.idle && now - endedAt < lastCopiesMs + 2 * mirror.timeoutMs) continue;
      this.#write(replayer, true);
      this.#replayers.delete(subject);
    }
  }

  #writeAll(): void {
    for (const replayer of this.#replayers.values()) this.#write(replayer, false);
  }

  #write(replayer: Replayer, always: boolean): void {
    if (!replayer.changed && !always) return;
    replayer.changed = false;
    try {
      this.#folder.write(replayer.tally.report(Date.now(), replayer.endedAt === null));
    } catch (error) {
      replayer.changed = true;
      say(`the report could not be written: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  write(): void {
    for (const replayer of this.#replayers.values()) this.#write(replayer, true);
  }

  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.write();
    this.#listener.stop(true);
    rmSync(this.socket, { force: true });
  }
}

/** The life of the process that mirrors, which a keeper has started. It ends with its keeper. */
export function runMirrorProcess(): void {
  if (!process.connected) {
    process.stderr.write('the process that mirrors is started by the keeper, not by hand; run: cutover up\n');
    process.exitCode = 2;
    return;
  }
  try {
    setPriority(niceness);
  } catch (error) {
    say(`runs at the priority of the others: ${error instanceof Error ? error.message : String(error)}`);
  }
  let mirror: Mirror | null = null;
  const tell = (word: MirrorWord): void => void process.send?.(word);
  const end = (): void => {
    mirror?.end();
    process.exit(0);
  };
  process.stderr.on('error', () => undefined);
  // A terminal sends them to the whole group; when this ends is the keeper's to say.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(signal, () => undefined);
  process.on('disconnect', end);
  process.on('message', (message: unknown) => {
    const order = MirrorOrder.parse(message);
    switch (order.kind) {
      case 'begin':
        mirror = new Mirror(order.socket, order.folder);
        return tell({ kind: 'listening' });
      case 'follow':
        return mirror?.follow(order.routes);
      case 'write':
        mirror?.write();
        return tell({ kind: 'written', id: order.id });
      case 'end':
        return end();
    }
  });
  tell({ kind: 'ready' });
}
