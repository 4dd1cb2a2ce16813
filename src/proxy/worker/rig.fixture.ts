import type { Socket, SocketHandler, TCPSocketListener, TLSOptions } from 'bun';
import type { Address } from '../../core/address.ts';
import type { Colour } from '../../core/colour.ts';
import { emptySide, failures, type Route, type RouteTls, type SideCounters } from '../../core/traffic.ts';
import type { RouteUpstream } from '../../core/upstream.ts';
import { listenOn } from '../keeper/listening-socket.ts';
import { createDataPlane, type WorkerDataPlane } from './data-plane.ts';
import type { Limits } from './limits.ts';
import { Outlet } from './outlet.ts';

const patienceMs = 4000;

/** One end of a raw connection, for tests: what came, what was said of it, and waiting for either. */
export class Wire {
  received: Buffer = Buffer.alloc(0);
  /** All bytes that ever came, also when they are not kept. */
  count = 0;
  /** Large bodies are counted, not kept. */
  keeps = true;
  ended = false;
  closed = false;
  reset = false;
  private readonly outlet = new Outlet();
  private readonly waiters = new Set<() => void>();
  private shutting = false;
  constructor(readonly socket: Socket<Wire>) {}

  get text(): string {
    return this.received.toString('latin1');
  }
  send(data: string | Uint8Array): this {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    this.outlet.write(this.socket, bytes, 0, bytes.length, true);
    return this;
  }
  /** All that was sent has been taken by the kernel. */
  get flushed(): boolean {
    return this.outlet.empty;
  }
  /** Sends no more. */
  shutdown(): this {
    this.shutting = true;
    if (this.outlet.empty) this.socket.shutdown();
    return this;
  }
  close(): void {
    this.socket.end();
  }
  abort(): void {
    this.socket.terminate();
  }
  /** Takes what has come, so that the next wait sees only what is new. */
  take(): string {
    const { text } = this;
    this.received = Buffer.alloc(0);
    return text;
  }

  /** Resolves when `holds`; fails if it has not within a few seconds. */
  until(holds: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (!holds()) return;
        clearTimeout(timer);
        this.waiters.delete(check);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiters.delete(check);
        const state = `ended ${this.ended}, closed ${this.closed}, reset ${this.reset}, ${this.count} bytes`;
        reject(
          new Error(`no ${what} within ${patienceMs} ms; ${state}: ${JSON.stringify(this.text.slice(-400))}`),
        );
      }, patienceMs);
      this.waiters.add(check);
      check();
    });
  }
  has(text: string): Promise<void> {
    return this.until(() => this.text.includes(text), JSON.stringify(text));
  }
  /** Takes one response that has a length or no body. */
  async response(toHead = false): Promise<{ head: string; status: number; body: string }> {
    await this.has('\r\n\r\n');
    const headEnd = this.text.indexOf('\r\n\r\n') + 4;
    const head = this.text.slice(0, headEnd);
    const length = toHead ? 0 : Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    await this.until(() => this.received.length >= headEnd + length, `body of ${length} bytes`);
    const body = this.text.slice(headEnd, headEnd + length);
    this.received = this.received.subarray(headEnd + length);
    return { head, status: Number(head.slice(9, 12)), body };
  }
  /** The other end sends no more, by FIN or by reset. */
  gone(): Promise<void> {
    return this.until(() => this.ended || this.closed, 'end');
  }

  on = {
    data: (bytes: Buffer): void => {
      this.count += bytes.length;
      if (this.keeps)
        this.received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes]);
      this.look();
    },
    drain: (): void => {
      if (!this.outlet.empty && this.outlet.flush(this.socket) && this.shutting) this.socket.shutdown();
      this.look();
    },
    end: (): void => {
      this.ended = true;
      this.look();
    },
    close: (error?: Error): void => {
      this.closed = true;
      if (error !== undefined) this.reset = true;
      this.look();
    },
  };
  private look(): void {
    for (const waiter of [...this.waiters]) waiter();
  }
}

const handlers: SocketHandler<Wire> = {
  open: (socket) => {
    socket.data = new Wire(socket);
  },
  data: (socket, bytes) => socket.data.on.data(bytes),
  drain: (socket) => socket.data.on.drain(),
  end: (socket) => socket.data.on.end(),
  close: (socket, error) => socket.data.on.close(error),
};

export async function connectWire({ host, port }: Address): Promise<Wire> {
  const socket = await Bun.connect<Wire>({ hostname: host, port, allowHalfOpen: true, socket: handlers });
  return socket.data;
}

/** A raw scripted upstream: the script gets each connection; its failure fails the test that closes the rig. */
export class Origin {
  readonly wires: Wire[] = [];
  readonly errors: unknown[] = [];
  private readonly listener: TCPSocketListener<Wire>;
  constructor(script: (wire: Wire, index: number) => Promise<void> | void, tls?: TLSOptions) {
    const begin = (socket: Socket<Wire>): void => {
      const wire = new Wire(socket);
      socket.data = wire;
      this.wires.push(wire);
      void (async () => script(wire, this.wires.length - 1))().catch((error: unknown) =>
        this.errors.push(error),
      );
    };
    const place = { hostname: '127.0.0.1', port: 0, allowHalfOpen: true };
    if (tls === undefined) {
      this.listener = Bun.listen<Wire>({ ...place, socket: { ...handlers, open: begin } });
      return;
    }
    this.listener = Bun.listen<Wire>({
      ...place,
      tls,
      socket: {
        ...handlers,
        open: () => undefined,
        handshake: (socket, done) => (done ? begin(socket) : socket.terminate()),
        // Of connections whose handshake failed.
        drain: (socket) => this.of(socket)?.on.drain(),
        end: (socket) => this.of(socket)?.on.end(),
        close: (socket, error) => this.of(socket)?.on.close(error),
        error: (socket) => socket.terminate(),
      },
    });
  }
  private of(socket: Socket<Wire>): Wire | undefined {
    return this.wires.find((wire) => wire.socket === socket);
  }
  get address(): Address {
    return { host: '127.0.0.1', port: this.listener.port };
  }
  close(): void {
    this.listener.stop(true);
  }
}

/** Answers every request without a body by `answer`, which may depend on the head. */
export const answering =
  (answer: string | ((head: string) => string)) =>
  async (wire: Wire): Promise<void> => {
    for (;;) {
      await wire.until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'request');
      const end = wire.text.indexOf('\r\n\r\n') + 4;
      if (end < 4) {
        if (!wire.closed) wire.close();
        return;
      }
      const head = wire.text.slice(0, end);
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      await wire.until(() => wire.closed || wire.received.length >= end + length, 'body');
      wire.received = wire.received.subarray(end + length);
      wire.send(typeof answer === 'string' ? answer : answer(head));
    }
  };
export const ok = (body: string, ...fields: string[]): string =>
  ['HTTP/1.1 200 OK', `Content-Length: ${body.length}`, ...fields, '', body].join('\r\n');
export const get = (path = '/', ...fields: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: shop.example', ...fields, '', ''].join('\r\n');
export const post = (body: string, ...fields: string[]): string =>
  ['POST /write HTTP/1.1', 'Host: shop.example', `Content-Length: ${body.length}`, ...fields, '', body].join(
    '\r\n',
  );

type Script = (wire: Wire, index: number) => Promise<void> | void;

/** A data plane on a free port of loopback, with scripted instances. Use with `await using`. */
export class Rig implements AsyncDisposable {
  readonly origins: Origin[] = [];
  private readonly wires: Wire[] = [];
  private version = 0;
  private constructor(
    readonly plane: WorkerDataPlane,
    private readonly tls: RouteTls | undefined,
    readonly address: Address,
    readonly previewAddress: Address,
    private readonly defects: readonly unknown[],
    /** What the plane would tell an operator. */
    readonly warnings: readonly string[],
  ) {}

  /** With `tls`, the addresses are served over TLS. */
  static async start(limits: Partial<Limits> = {}, tls?: RouteTls): Promise<Rig> {
    const defects: unknown[] = [];
    const warnings: string[] = [];
    const plane = createDataPlane({
      limits: { sweepMs: 10, drainIdleMs: 50, ...limits },
      onDefect: (error) => defects.push(error),
      onWarning: (line) => warnings.push(line),
    });
    const listeners = [
      await listenOn({ host: '127.0.0.1', port: 0 }),
      await listenOn({ host: '127.0.0.1', port: 0 }),
    ] as const;
    const rig = new Rig(plane, tls, listeners[0].address, listeners[1].address, defects, warnings);
    if (tls) rig.route({});
    plane.listen(listeners);
    return rig;
  }
  /** A rig whose live side is one origin that runs `script`. */
  static async with(script: Script, limits: Partial<Limits> = {}): Promise<Rig> {
    const rig = await Rig.start(limits);
    rig.route({ blue: [rig.origin(script).address] });
    return rig;
  }

  origin(script: Script, tls?: TLSOptions): Origin {
    const origin = new Origin(script, tls);
    this.origins.push(origin);
    return origin;
  }
  /** Replaces the table by one route. */
  route(sides: {
    blue?: readonly Address[];
    green?: readonly Address[];
    live?: Colour;
    epoch?: number;
    release?: number;
    previewHost?: string;
    limits?: Route['limits'];
    tracing?: Route['tracing'];
    accessLog?: Route['accessLog'];
    protocol?: Route['protocol'];
    instancePolicy?: Route['instancePolicy'];
    mode?: Route['mode'];
    weights?: Route['weights'];
    errorPages?: Route['errorPages'];
    sticky?: Route['sticky'];
    sideHeader?: Route['sideHeader'];
    testers?: Route['testers'];
    kept?: boolean;
    assets?: Route['assets'];
    /** Of both sides. */
    upstream?: RouteUpstream;
    entrance?: Route['entrance'];
  }): void {
    const route: Route = {
      service: 'shop',
      epoch: sides.epoch ?? 1,
      live: sides.live ?? 'blue',
      listen: this.address,
      preview: this.previewAddress,
      previewHost: sides.previewHost ?? null,
      ...(this.tls && { tls: this.tls }),
      blue: { release: sides.release ?? 1, instances: [...(sides.blue ?? [])], upstream: sides.upstream },
      green: { release: 2, instances: [...(sides.green ?? [])], upstream: sides.upstream },
      limits: sides.limits,
      tracing: sides.tracing,
      accessLog: sides.accessLog,
      protocol: sides.protocol,
      instancePolicy: sides.instancePolicy,
      mode: sides.mode,
      weights: sides.weights,
      errorPages: sides.errorPages,
      sticky: sides.sticky,
      sideHeader: sides.sideHeader,
      testers: sides.testers,
      kept: sides.kept,
      assets: sides.assets,
      entrance: sides.entrance,
    };
    this.plane.swap({ version: ++this.version, routes: [route] });
  }
  /** Replaces the table by these: services that are named on the rig's address, each live on blue at one instance. */
  routes(...routes: (Pick<Route, 'service'> & Partial<Route> & { readonly to: Address })[]): void {
    this.plane.swap({
      version: ++this.version,
      routes: routes.map(({ to, ...route }) => ({
        epoch: 1,
        live: 'blue',
        listen: this.address,
        preview: null,
        previewHost: null,
        blue: { release: 1, instances: [to] },
        green: { release: null, instances: [] },
        ...route,
      })),
    });
  }
  async connect(address: Address = this.address): Promise<Wire> {
    const wire = await connectWire(address);
    this.wires.push(wire);
    return wire;
  }
  side(colour: Colour = 'blue'): SideCounters {
    return this.plane.counters().get('shop')?.[colour] ?? emptySide();
  }
  refused(): Record<string, number> {
    return this.plane.counters().get('shop')?.refused ?? {};
  }
  failures(colour: Colour = 'blue'): number {
    return failures(this.side(colour));
  }
  /** Polls a condition on counters, which have no event. */
  async when(holds: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!holds()) {
      if (performance.now() > deadline)
        throw new Error(`not ${what}: ${JSON.stringify([...this.plane.counters()])}`);
      await Bun.sleep(1);
    }
  }
  idle(): Promise<void> {
    return this.when(() => this.side('blue').inFlight === 0 && this.side('green').inFlight === 0, 'idle');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const wire of this.wires) if (!wire.closed) wire.abort();
    await this.plane.drain(200);
    for (const origin of this.origins) origin.close();
    const problems = [...this.defects, ...this.origins.flatMap(({ errors }) => errors)];
    if (problems.length > 0) throw new AggregateError(problems, 'a handler or a script failed');
  }
}
