import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatAddress, type Address } from '../../src/core/address.ts';
import type { Colour } from '../../src/core/colour.ts';
import { Route, type Applied } from '../../src/core/traffic.ts';
import { EmbeddedRouter } from '../../src/routers/embedded/embedded-router.ts';

const root = join(import.meta.dir, '..', '..');
const readyMs = 10_000;

/** What a peer is given to run in. */
export interface PeerPlace {
  readonly origin: Address;
  /** A free address to listen on. */
  readonly listen: Address;
  /** A directory of its own. */
  readonly directory: string;
  /** TLS 1.3 instead of plain HTTP: paths of a certificate and its key, and of one file with both. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly both: string };
  /** With TLS: HTTP/2 is offered as well. */
  readonly http2?: boolean;
  /** The table has these hosts; requests come for the last of them. Only ours. */
  readonly hosts?: readonly string[];
}

/** What a peer may be asked for beyond plain proxying. */
export type PeerWishes = Pick<PeerPlace, 'tls' | 'http2' | 'hosts'>;

export interface RunningPeer {
  readonly listen: Address;
  /** The process whose time counts, with all that descend from it; null: nothing stands before the origin. */
  readonly pid: number | null;
  stop(): Promise<void>;
}

/** Somebody who proxies. */
export interface Peer {
  readonly name: string;
  /** Why it cannot take part, and how it could; null if it can. */
  absent(wishes: PeerWishes): string | null;
  start(place: PeerPlace): Promise<RunningPeer>;
}

/** A path of the bench's own configurations, filled in and put into the peer's directory. */
function configured(name: string, { origin, listen, directory, tls, http2 }: PeerPlace): string {
  const path = join(directory, name);
  const values: Readonly<Record<string, string>> = {
    PORT: String(listen.port),
    ORIGIN: String(origin.port),
    DIRECTORY: directory,
    // As root, nginx would become a user who cannot enter our directory.
    USER: process.getuid?.() === 0 ? 'user root;' : '',
    SCHEME: tls ? 'https' : 'http',
    SSL: tls ? (http2 ? 'ssl http2' : 'ssl') : '',
    PROTOCOLS: http2 ? 'h1 h2' : 'h1',
    BIND_TLS: tls ? `ssl crt ${tls.both} ssl-min-ver TLSv1.3 alpn ${http2 ? 'h2,' : ''}http/1.1` : '',
    CERT: tls?.cert ?? '',
    KEY: tls?.key ?? '',
  };
  const lines = readFileSync(join(root, 'bench', 'peers', name), 'utf8').split('\n');
  const template = lines.filter((line) => tls !== undefined || !/@(CERT|KEY)@/.test(line)).join('\n');
  writeFileSync(
    path,
    template.replaceAll(/@([A-Z_]+)@/g, (_, key: string) => values[key] ?? ''),
  );
  return path;
}

async function answers({ listen, tls, hosts }: PeerPlace): Promise<void> {
  const end = performance.now() + readyMs;
  for (;;) {
    try {
      const response = await fetch(`${tls ? 'https' : 'http'}://${formatAddress(listen)}/`, {
        headers: { connection: 'close', host: hosts?.at(-1) ?? formatAddress(listen) },
        tls: { rejectUnauthorized: false },
      });
      await response.arrayBuffer();
      if (response.ok) return;
    } catch (cause) {
      if (performance.now() > end) throw new Error(`${formatAddress(listen)} does not answer`, { cause });
    }
    await Bun.sleep(10);
  }
}

async function program(
  command: readonly string[],
  place: PeerPlace,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningPeer> {
  const { listen, directory } = place;
  const log = join(directory, 'stderr.log');
  const child = Bun.spawn([...command], {
    stdio: ['ignore', 'ignore', Bun.file(log)],
    env: { ...process.env, ...env },
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
    await child.exited;
    clearTimeout(timer);
  };
  try {
    await Promise.race([
      answers(place),
      child.exited.then((code) => {
        throw new Error(`${command.join(' ')} ended with ${code}:\n${readFileSync(log, 'utf8')}`);
      }),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { listen, pid: child.pid, stop };
}

const installed = (name: string): string | null =>
  Bun.which(name) ? null : `${name} is not installed (apt-get install ${name})`;

const direct: Peer = {
  name: 'direct',
  absent: ({ tls }) => (tls ? 'the origin speaks plain HTTP' : null),
  start: ({ origin }) => Promise.resolve({ listen: origin, pid: null, stop: () => Promise.resolve() }),
};

/** A setting of a route that this tree may not have yet. */
const routeHas = (setting: string): boolean => setting in Route.shape;

/** Our proxy alone, as its keeper runs it; `switchTo` orders the router. */
export interface RunningCutover extends RunningPeer {
  switchTo(live: Colour): Promise<Applied>;
}

/** Starts our proxy with so many workers; both sides are the same origin. */
export async function startCutover(place: PeerPlace, workers = 1): Promise<RunningCutover> {
  const { origin, listen, directory, tls, hosts } = place;
  const command = [process.execPath, join(root, 'src', 'cli', 'main.ts'), 'proxy-keeper'];
  const child = Bun.spawn([...command, '--home', directory, '--workers', String(workers)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const router = new EmbeddedRouter(directory);
  const side = { release: 1, instances: [origin] };
  let epoch = 0;
  const switchTo = (live: Colour): Promise<Applied> =>
    router.apply(
      Route.parse({
        service: 'bench',
        epoch: ++epoch,
        live,
        listen,
        preview: null,
        previewHost: null,
        blue: side,
        green: side,
        ...(hosts ? { hosts } : {}),
        ...(tls ? { tls: tlsOf(tls) } : {}),
      }),
    );
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await child.exited;
  };
  try {
    const end = performance.now() + readyMs;
    for (;;) {
      try {
        await router.status();
        break;
      } catch (cause) {
        if (performance.now() > end || child.exitCode !== null) throw cause;
        await Bun.sleep(20);
      }
    }
    await switchTo('blue');
    await answers(place);
  } catch (error) {
    await stop();
    throw error;
  }
  return { listen, pid: child.pid, stop, switchTo };
}

const tlsOf = ({ cert, key }: { readonly cert: string; readonly key: string }): object => ({
  certificates: [{ cert, key, hosts: [] }],
  redirect: null,
  hstsSeconds: 0,
  clientCa: null,
  clientAuth: 'optional',
});

export const cutover: Peer = {
  name: 'cutover',
  absent({ tls, hosts }) {
    if (tls && !routeHas('tls')) return 'its routes have no TLS yet';
    return hosts && !routeHas('hosts') ? 'its routes have no hosts yet' : null;
  },
  start: (place) => startCutover(place),
};

const haproxy: Peer = {
  name: 'haproxy',
  absent: () => installed('haproxy'),
  start: (place) => program(['haproxy', '-q', '-db', '-f', configured('haproxy.cfg', place)], place),
};

const nginx: Peer = {
  name: 'nginx',
  absent: () => installed('nginx'),
  start(place) {
    // Relative paths of its build (logs) are looked for under the prefix.
    mkdirSync(join(place.directory, 'logs'));
    return program(
      ['nginx', '-e', 'stderr', '-p', place.directory, '-c', configured('nginx.conf', place)],
      place,
    );
  },
};

const caddy: Peer = {
  name: 'caddy',
  absent: () => installed('caddy'),
  start: (place) =>
    program(['caddy', 'run', '--adapter', 'caddyfile', '--config', configured('Caddyfile', place)], place, {
      GOMAXPROCS: '1',
      HOME: place.directory,
      XDG_DATA_HOME: place.directory,
      XDG_CONFIG_HOME: place.directory,
    }),
};

export const peers: readonly Peer[] = [direct, cutover, haproxy, nginx, caddy];
