import { createHash } from 'node:crypto';
import { formatAddress, type Address } from '../../core/address.ts';
import { colours, other } from '../../core/colour.ts';
import type { Route } from '../../core/traffic.ts';
import type { ProxyTable } from '../../proxy/table/table.ts';
import { divided } from '../configured/side-share.ts';

// Which side is live is a file: it is there, or it is not. nginx looks with each request, so that a switch has its effect in every worker and
// on every connection at once, without a reload; and after a restart as well.

/** What a rendering depends on beside the table. */
export interface NginxPlaces {
  /** The folder of the files that say which side is live. */
  readonly sides: string;
  /** Where nginx tells what is in force. */
  readonly state: Address;
}

export const greenFlag = (sides: string, service: string): string => `${sides}/${service}.green`;

const upstreamOf = (service: string, side: string): string => `cutover-${service}-${side}`;
const variableOf = (service: string, what: string): string =>
  `$cutover_${service.replaceAll('-', '_')}_${what}`;

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** So that the instances of each side have its share together, however many they are. */
function serversOf(route: Route): string[] {
  const { weights = { blue: 1, green: 1 } } = route;
  const parts = colours.map((colour) => weights[colour] * route[other(colour)].instances.length);
  const divisor = parts.reduce(gcd, 0) || 1;
  return colours.flatMap((colour, index) =>
    route[colour].instances.map(
      (address) =>
        `    server ${formatAddress(address)} weight=${Math.max(1, (parts[index] ?? 0) / divisor)};`,
    ),
  );
}

/** What rests for so long is closed: instances close it themselves after 5 s at the earliest, and a side that is drained is soon seen to be. */
const restMs = 2000;

function upstream(name: string, servers: readonly string[]): string[] {
  return [
    `upstream ${name} {`,
    ...(servers.length === 0
      ? ['    server 127.0.0.1:1 down;']
      : // The only one is not passed over: there is nobody else.
        servers.map((server) => (servers.length === 1 ? server.replace(/;$/, ' max_fails=0;') : server))),
    '    keepalive 64;',
    `    keepalive_timeout ${restMs}ms;`,
    '    keepalive_requests 1000000;',
    '}',
  ];
}

const time = (ms: number | undefined, usual: number): string => `${Math.max(1, Math.round(ms ?? usual))}ms`;

function server(route: Route, head: readonly string[], side: string): string[] {
  const { service, limits = {} } = route;
  return [
    'server {',
    ...head.map((line) => `    ${line}`),
    `    client_header_timeout ${time(limits.headTime, 15_000)};`,
    `    client_body_timeout ${time(limits.bodyIdle, 60_000)};`,
    `    keepalive_timeout ${time(limits.idle, 75_000)};`,
    '    keepalive_requests 1000000;',
    `    client_max_body_size ${limits.body ?? 0};`,
    '    location / {',
    `        proxy_pass http://cutover-${service}-${side};`,
    '        proxy_http_version 1.1;',
    `        proxy_set_header Connection ${variableOf(service, 'connection')};`,
    '        proxy_set_header Upgrade $http_upgrade;',
    '        proxy_set_header Host $http_host;',
    '        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
    '        proxy_set_header X-Forwarded-Proto $scheme;',
    '        proxy_set_header X-Forwarded-Host $http_host;',
    '        proxy_request_buffering off;',
    '        proxy_max_temp_file_size 0;',
    `        proxy_connect_timeout ${time(limits.connect, 5000)};`,
    `        proxy_send_timeout ${time(limits.bodyIdle, 60_000)};`,
    `        proxy_read_timeout ${time(limits.response, 60_000)};`,
    '    }',
    '}',
  ];
}

/** `$side` with the look at the flag: which side is it if the flag is there, which if not. */
const choice = (variable: string, flag: string, unset: string, set: string): string[] => [
  `set ${variable} ${unset};`,
  `if (-f "${flag}") { set ${variable} ${set}; }`,
];

function sections(route: Route, { sides }: NginxPlaces): string[] {
  const { service, previewHost } = route;
  const side = variableOf(service, 'side');
  const flag = greenFlag(sides, service);
  const users = divided(route) ? [`set ${side} divided;`] : choice(side, flag, 'blue', 'green');
  const standby = choice(side, flag, 'green', 'blue');
  const listen = formatAddress(route.listen);
  return [
    ...colours.flatMap((colour) =>
      upstream(
        upstreamOf(service, colour),
        route[colour].instances.map((address) => `    server ${formatAddress(address)};`),
      ),
    ),
    ...(divided(route) ? upstream(upstreamOf(service, 'divided'), serversOf(route)) : []),
    `map $http_upgrade ${variableOf(service, 'connection')} { default upgrade; "" ""; }`,
    ...server(route, [`listen ${listen} default_server;`, 'server_name _;', ...users], side),
    ...(previewHost === null
      ? []
      : server(route, [`listen ${listen};`, `server_name ${previewHost};`, ...standby], side)),
    ...(route.preview
      ? server(route, [`listen ${formatAddress(route.preview)} default_server;`, ...standby], side)
      : []),
  ];
}

/** Where nginx tells, for each service, with which structure it runs and whether its workers see the flag. */
function state({ routes }: ProxyTable, { sides, state: address }: NginxPlaces, structure: string): string[] {
  return [
    'server {',
    `    listen ${formatAddress(address)};`,
    '    access_log off;',
    '    default_type text/plain;',
    '    set $cutover_live blue;',
    `    location = / { return 200 "${structure}"; }`,
    ...routes.map(
      ({ service }) =>
        `    location = /${service} { if (-f "${greenFlag(sides, service)}") { set $cutover_live green; } return 200 "${structure} $cutover_live"; }`,
    ),
    '    location / { return 404; }',
    '}',
  ];
}

/** What changes by a reload only: of everything but the live side and the epochs. */
export function structureOf(table: ProxyTable, places: NginxPlaces): string {
  const text = [...table.routes.flatMap((route) => sections(route, places)), JSON.stringify(places)];
  return createHash('sha256').update(text.join('\n')).digest('hex').slice(0, 32);
}

/** The part of nginx's configuration, within `http`, for a table. Pure. */
export const renderNginx = (table: ProxyTable, places: NginxPlaces): string[] => [
  ...table.routes.flatMap((route) => sections(route, places)),
  ...state(table, places, structureOf(table, places)),
];
