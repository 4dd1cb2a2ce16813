import type { SocketListener, TCPSocketListenOptions } from 'bun';
import { formatAddress } from '../../core/address-text.ts';
import type { Colour } from '../../core/colour.ts';
import type { Counters } from '../../core/traffic.ts';
import type { Challenge } from '../acme/messages.ts';
import { Proofs } from '../acme/proofs.ts';
import { weighted } from '../../core/weights-line.ts';
import { closingSpanMs, type DataPlane, type Listener, type Provisions, type Table } from '../data-plane.ts';
import { Recorders } from '../record/recorders.ts';
import { ascii } from '../http1/octets.ts';
import type { ClientConnection, ListeningPoint } from './client-connection.ts';
import { Evictions } from './evictions.ts';
import { handlersOf } from './client-handlers.ts';
import { Http2Connection } from './http2-connection.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { Plane } from './plane.ts';
import { Routing } from './routing.ts';
import { SecureListener } from './secure-listener.ts';

export interface DataPlaneOptions {
  /** What differs from `defaultLimits`. */
  readonly limits?: Partial<Limits>;
  /** Milliseconds from any start, never going back. Default: `performance.now`. */
  readonly now?: () => number;
  /** Milliseconds since 1970, for `Counters.at`. Default: `Date.now`. */
  readonly wallNow?: () => number;
  /** Told of trouble with what is written and sent about requests. Default: a line on stderr. */
  readonly onTrouble?: (line: string) => void;
  /** Told of an exception inside a handler: a defect. The connection it happened on is closed. Default: a line on stderr. */
  readonly onDefect?: (error: unknown) => void;
  /** Told what an operator has to mend: an instance whose certificate is not trusted. Default: a line on stderr. */
  readonly onWarning?: (line: string) => void;
}

/** A data plane that also says what is in flight under each epoch. */
export interface WorkerDataPlane extends DataPlane {
  inFlight(): { service: string; colour: Colour; epoch: number; inFlight: number }[];
  /** Connections whose PROXY header has not come as a whole. */
  readonly greeting: number;
  /** Requests that wait at the barrier now. */
  readonly waiting: number;
  /** Requests that the mode of their service holds now, those that leave at its pace among them. */
  readonly held: number;
}

/** The data plane of one worker: HTTP/1.1 on raw sockets. It accepts nothing until `listen`, and routes nothing until `swap`. */
export function createDataPlane(options: DataPlaneOptions = {}): WorkerDataPlane {
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const wallNow = options.wallNow ?? Date.now;
  const defect =
    options.onDefect ??
    ((error: unknown) =>
      process.stderr.write(
        `proxy: defect: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      ));
  const drained = Promise.withResolvers<void>();
  const warn = options.onWarning ?? ((line: string) => process.stderr.write(`proxy: ${line}\n`));
  const plane = new Plane(
    limits,
    options.now ?? (() => performance.now()),
    defect,
    warn,
    () => {
      if (plane.draining && plane.greetings.size === 0) settle();
    },
    (client) => new Http2Connection(client),
  );
  const recorders = new Recorders(options.onTrouble ?? ((line) => process.stderr.write(`proxy: ${line}\n`)));
  const routing = new Routing(plane, recorders, wallNow);
  const evictions = new Evictions(() => plane.tick());
  const points: ListeningPoint[] = [];
  const sockets: Pick<SocketListener, 'stop'>[] = [];
  const secure: SecureListener[] = [];
  let sweptAt = plane.coarse;
  let judgeFrom = -Infinity;
  const sweeper = setInterval(() => {
    const now = plane.tick();
    // Late: this process was stopped, or did not have its turn. What was sent meanwhile is read before anyone is judged by
    // the clock: a connection that looks idle is closed over a request that waits in it, and its client sees a reset.
    if (now - sweptAt > 2 * limits.sweepMs && now >= judgeFrom + limits.sweepMs)
      judgeFrom = now + limits.sweepMs / 2;
    sweptAt = now;
    if (now < judgeFrom) return;
    plane.crowded = plane.clients.size >= limits.connections - (limits.connections >> 3);
    for (const client of plane.clients) client.sweep(now);
    for (const connection of plane.multiplexed) connection.sweep(now);
    plane.greetings.look(now);
    routing.sweep(now);
    if (!plane.draining) for (const listener of secure) listener.look(now);
  }, limits.sweepMs);
  sweeper.unref();

  function settle(): void {
    clearInterval(sweeper);
    evictions.stop();
    for (const upstream of plane.upstreams) upstream.destroy();
    for (const session of [...plane.sessions]) session.destroy();
    // What is told of the last requests is on its way before the process may end. The last one is told of when its client's
    // connection has left, in this very turn.
    void Promise.resolve()
      .then(() => recorders.close())
      .then(drained.resolve, drained.reject);
  }

  /** Has every address look at the table in force. */
  function refer(): void {
    for (const point of points) {
      point.entry = routing.entryOf(point.address);
      point.limits = point.entry?.limits ?? limits;
    }
  }

  return {
    listen(listeners: readonly Listener[]): void {
      for (const { address, fd } of listeners) {
        const text = formatAddress(address);
        const entry = routing.entryOf(text);
        const tls = routing.tlsOf(text);
        const point: ListeningPoint = {
          address: text,
          host: ascii(text),
          entry,
          limits: entry?.limits ?? limits,
          secure: tls !== undefined,
          proofs: null,
        };
        points.push(point);
        if (tls === undefined) sockets.push(accept(plane, point, fd));
        else {
          const listener = new SecureListener(plane, point, fd, tls);
          sockets.push(listener);
          secure.push(listener);
        }
      }
    },
    provide(provisions: Provisions): void {
      const { stickyKeys, previewSecrets } = plane.provisions;
      const again =
        !Bun.deepEquals(stickyKeys, provisions.stickyKeys) ||
        !Bun.deepEquals(previewSecrets, provisions.previewSecrets);
      plane.provisions = provisions;
      if (!again || !routing.usesSecrets) return;
      routing.install(routing.table);
      refer();
    },
    prepare(table: Table): () => void {
      const prepared = routing.prepare(table);
      return () => {
        routing.commit(prepared);
        refer();
      };
    },
    swap(table: Table): void {
      routing.install(table);
      refer();
      for (const { service, live, weights } of table.routes)
        for (const colour of weights ? weighted(weights) : [live]) evictions.spare(service, colour);
    },
    hold(): void {
      plane.holding = true;
    },
    release(): number {
      plane.holding = false;
      const waiting = [...plane.waiting];
      plane.waiting.clear();
      for (const client of waiting) client.release();
      return waiting.length;
    },
    prove(challenges: readonly Challenge[]): void {
      plane.proofs = Proofs.of(challenges);
    },
    evict(service: string, colour: Colour, overMs: number): void {
      const there = [...plane.clients].filter(({ usedBy }) => {
        const side = usedBy?.side;
        return side?.service === service && side.colour === colour;
      });
      evictions.add(there, overMs);
    },
    sicken: (instances) => routing.sicken(new Set(instances)),
    counters(): ReadonlyMap<string, Omit<Counters, 'bootId'>> {
      const at = wallNow();
      return new Map(
        [...routing.services()].map(([service, tally]) => {
          const counters = tally.counters(at, routing.heldOf(service));
          const side = (colour: Colour) => ({
            ...counters[colour],
            inFlightAt: routing.inFlightAt(service, colour),
          });
          return [service, { ...counters, blue: side('blue'), green: side('green') }];
        }),
      );
    },
    inFlight: () => routing.inFlight(),
    get held() {
      return routing.held();
    },
    get greeting() {
      return plane.greetings.size;
    },
    get waiting() {
      return plane.waiting.size;
    },
    drain(deadlineMs: number): Promise<void> {
      if (plane.draining) return drained.promise;
      plane.draining = true;
      for (const socket of sockets) socket.stop(false);
      // Each is told at once that no more streams are taken, which closes none that is under way.
      const now = plane.tick();
      for (const connection of plane.multiplexed) connection.sweep(now);
      plane.greetings.hurry(now);
      if (plane.clients.size === 0 && plane.greetings.size === 0) settle();
      else {
        // Everything has the whole time. What may go on for ever is then ended one after the other, the rest at once.
        const spanMs = closingSpanMs(deadlineMs);
        const late = setTimeout(() => {
          const lasting = new Set([...plane.clients].filter(({ usedBy }) => usedBy?.lasting === true));
          for (const client of [...plane.clients]) if (!lasting.has(client)) client.cut();
          plane.greetings.cut();
          evictions.add([...lasting], spanMs);
        }, deadlineMs);
        const cut = setTimeout(() => {
          for (const client of plane.clients) client.cut();
          settle();
        }, deadlineMs + spanMs);
        void drained.promise.then(() => {
          clearTimeout(late);
          clearTimeout(cut);
        });
      }
      return drained.promise;
    },
  };
}

function accept(plane: Plane, point: ListeningPoint, fd: number): SocketListener<ClientConnection> {
  // Bun's types do not know `fd` here; it adopts a socket that listens already.
  const options: TCPSocketListenOptions<ClientConnection> & { fd: number } = {
    fd,
    allowHalfOpen: true,
    socket: handlersOf(plane, point),
    hostname: '',
    port: 0,
  };
  return Bun.listen<ClientConnection>(options);
}
