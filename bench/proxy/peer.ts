import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatAddress, type Address } from '../../src/core/address.ts';
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
}

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
  absent(): string | null;
  start(place: PeerPlace): Promise<RunningPeer>;
}

/** A path of the bench's own configurations, filled in and put into the peer's directory. */
function configured(name: string, { origin, listen, directory }: PeerPlace): string {
  const path = join(directory, name);
  const values: Readonly<Record<string, string>> = {
    PORT: String(listen.port),
    ORIGIN: String(origin.port),
    DIRECTORY: directory,
    // As root, nginx would become a user who cannot enter our directory.
    USER: process.getuid?.() === 0 ? 'user root;' : '',
  };
  const template = readFileSync(join(root, 'bench', 'peers', name), 'utf8');
  writeFileSync(
    path,
    template.replaceAll(/@([A-Z]+)@/g, (_, key: string) => values[key] ?? ''),
  );
  return path;
}

async function answers(address: Address): Promise<void> {
  const end = performance.now() + readyMs;
  for (;;) {
    try {
      const response = await fetch(`http://${formatAddress(address)}/`, { headers: { connection: 'close' } });
      await response.arrayBuffer();
      if (response.ok) return;
    } catch (cause) {
      if (performance.now() > end) throw new Error(`${formatAddress(address)} does not answer`, { cause });
    }
    await Bun.sleep(10);
  }
}

async function program(
  command: readonly string[],
  { listen, directory }: PeerPlace,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningPeer> {
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
      answers(listen),
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
  absent: () => null,
  start: ({ origin }) => Promise.resolve({ listen: origin, pid: null, stop: () => Promise.resolve() }),
};

const cutover: Peer = {
  name: 'cutover',
  absent: () => null,
  async start({ origin, listen, directory }) {
    const command = [
      process.execPath,
      join(root, 'src', 'cli', 'main.ts'),
      'proxy-keeper',
      '--home',
      directory,
      '--workers',
      '1',
    ];
    const child = Bun.spawn(command, { stdio: ['ignore', 'ignore', 'inherit'] });
    const router = new EmbeddedRouter(directory);
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
      const live = { release: 1, instances: [origin] };
      const idle = { release: null, instances: [] };
      await router.apply({
        service: 'bench',
        epoch: 1,
        live: 'blue',
        listen,
        preview: null,
        previewHost: null,
        blue: live,
        green: idle,
      });
      await answers(listen);
    } catch (error) {
      await stop();
      throw error;
    }
    return { listen, pid: child.pid, stop };
  },
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
