import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Address } from '../../src/core/address.ts';
import { formatAddress } from '../../src/core/address.ts';
import type { Colour } from '../../src/core/colour.ts';
import type { Running } from '../proxy/running.ts';
import { OurProxy } from './our-proxy.ts';

export type Sides = Readonly<Record<Colour, Address>>;

/** A proxy before two sides that can be told which of them gets the traffic, by its own means. */
export interface Switchable {
  readonly listen: Address;
  /** Resolves when it has been told; who polls then sees the other side before long. */
  switchTo(colour: Colour): Promise<void>;
}

export interface SwitchablePeer {
  readonly name: string;
  /** How it is switched. */
  readonly means: string;
  /** Why it cannot take part; null if it can. */
  absent(): string | null;
  start(running: Running, sides: Sides): Promise<Switchable>;
}

const installed = (name: string): string | null =>
  Bun.which(name) ? null : `${name} is not installed (apt-get install ${name})`;

function spawn(running: Running, command: readonly string[], directory: string): { readonly pid: number } {
  const child = Bun.spawn([...command], {
    stdio: ['ignore', 'ignore', Bun.file(join(directory, 'stderr.log'))],
    env: { ...process.env, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
  });
  running.add(async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
    await child.exited;
    clearTimeout(timer);
  });
  return child;
}

const cutover: SwitchablePeer = {
  name: 'cutover',
  means: 'admin API',
  absent: () => null,
  async start(running, sides) {
    const proxy = await OurProxy.start(running);
    const both = { blue: [sides.blue], green: [sides.green] };
    await proxy.route('blue', both);
    return {
      listen: proxy.listen,
      switchTo: async (colour) => void (await proxy.route(colour, both)),
    };
  },
};

const haproxy: SwitchablePeer = {
  name: 'haproxy',
  means: 'runtime API',
  absent: () => installed('haproxy'),
  start(running, sides) {
    const directory = running.directoryFor('haproxy');
    const listen = running.freeAddress();
    const socket = join(directory, 'admin.sock');
    const config = join(directory, 'haproxy.cfg');
    writeFileSync(
      config,
      `global
    nbthread 1
    stats socket ${socket} mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
    option redispatch
    retries 3
frontend in
    bind ${formatAddress(listen)} backlog 4096
    default_backend shop
backend shop
    server blue ${formatAddress(sides.blue)}
    server green ${formatAddress(sides.green)} disabled
`,
    );
    spawn(running, ['haproxy', '-q', '-db', '-f', config], directory);
    const tell = async (words: string): Promise<void> => {
      const { promise, resolve } = Promise.withResolvers<string>();
      let answer = '';
      const wire = await Bun.connect({
        unix: socket,
        socket: {
          data: (_socket, bytes) => void (answer += bytes.toString()),
          close: () => resolve(answer),
        },
      });
      wire.write(`${words}\n`);
      const said = (await promise).trim();
      if (said !== '') throw new Error(`HAProxy, asked to ${words}, said: ${said}`);
    };
    return Promise.resolve({
      listen,
      switchTo: async (colour) => {
        const other = colour === 'blue' ? 'green' : 'blue';
        await tell(`set server shop/${colour} state ready`);
        await tell(`set server shop/${other} state drain`);
      },
    });
  },
};

const nginx: SwitchablePeer = {
  name: 'nginx',
  means: 'reload',
  absent: () => installed('nginx'),
  start(running, sides) {
    const directory = running.directoryFor('nginx');
    mkdirSync(join(directory, 'logs'));
    const listen = running.freeAddress();
    const config = join(directory, 'nginx.conf');
    const write = (colour: Colour): void =>
      writeFileSync(
        config,
        `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid "${directory}/nginx.pid";
error_log stderr crit;
events { worker_connections 8000; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path "${directory}/body";
    proxy_temp_path "${directory}/proxy";
    fastcgi_temp_path "${directory}/fastcgi";
    uwsgi_temp_path "${directory}/uwsgi";
    scgi_temp_path "${directory}/scgi";
    upstream shop { server ${formatAddress(sides[colour])}; keepalive 64; }
    map $http_upgrade $upstream_connection { default upgrade; "" ""; }
    server {
        listen ${formatAddress(listen)} backlog=4096;
        client_max_body_size 0;
        location / {
            proxy_pass http://shop;
            proxy_http_version 1.1;
            proxy_set_header Connection $upstream_connection;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Host $http_host;
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
        }
    }
}
`,
      );
    write('blue');
    const { pid } = spawn(running, ['nginx', '-e', 'stderr', '-p', directory, '-c', config], directory);
    return Promise.resolve({
      listen,
      switchTo: (colour) => {
        write(colour);
        process.kill(pid, 'SIGHUP');
        return Promise.resolve();
      },
    });
  },
};

const caddy: SwitchablePeer = {
  name: 'caddy',
  means: 'admin API',
  absent: () => installed('caddy'),
  start(running, sides) {
    const directory = running.directoryFor('caddy');
    const listen = running.freeAddress();
    const admin = formatAddress(running.freeAddress());
    const upstreams = (colour: Colour) => [{ dial: formatAddress(sides[colour]) }];
    const config = join(directory, 'caddy.json');
    writeFileSync(
      config,
      JSON.stringify({
        admin: { listen: admin, config: { persist: false } },
        logging: { logs: { default: { level: 'ERROR' } } },
        apps: {
          http: {
            servers: {
              shop: {
                listen: [formatAddress(listen)],
                protocols: ['h1'],
                automatic_https: { disable: true },
                routes: [{ handle: [{ handler: 'reverse_proxy', upstreams: upstreams('blue') }] }],
              },
            },
          },
        },
      }),
    );
    spawn(running, ['caddy', 'run', '--config', config], directory);
    return Promise.resolve({
      listen,
      switchTo: async (colour) => {
        const path = '/config/apps/http/servers/shop/routes/0/handle/0/upstreams';
        const response = await fetch(`http://${admin}${path}`, {
          method: 'PATCH',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(upstreams(colour)),
        });
        if (!response.ok) throw new Error(`Caddy refused the switch: ${await response.text()}`);
      },
    });
  },
};

/** Ours first, then those that it is compared with. */
export const switchables: readonly SwitchablePeer[] = [cutover, haproxy, nginx, caddy];
