import { createHash } from 'node:crypto';
import { formatAddress, type Address } from '../../core/address.ts';
import { colours, type Colour } from '../../core/colour.ts';
import type { Route } from '../../core/traffic.ts';
import type { ProxyTable } from '../../proxy/table/table.ts';

// Where a request goes is one number for each service, which the process keeps as a variable: the share of green in ten thousand. A switch
// changes it in one command, for every thread at once, and the next request goes by it, on connections that are open as well.

/** The whole of the traffic. */
export const whole = 10_000;
/** Coprime to `whole`, and near its golden section: whatever the share, the turns of one side are spread evenly. */
const stride = 6181;

/** Names of the variables of a service; they may have no dashes. */
export const variablesOf = (service: string) => {
  const name = `proc.cutover.${service.replaceAll('-', '_')}`;
  return { share: `${name}.green`, live: `${name}.live`, epoch: `${name}.epoch` } as const;
};
/** The structure that the process was started with: what a reload is needed for. */
export const structureVariable = 'proc.cutover_structure';
/** When the process was started. */
export const bootVariable = 'proc.cutover_boot';

export const backendOf = (service: string, colour: Colour): string => `cutover-${service}-${colour}`;
export const slotName = (index: number): string => `i${index + 1}`;

export function greenShare({ live, weights }: Route): number {
  if (!weights) return live === 'green' ? whole : 0;
  const { blue, green } = weights;
  if (blue === 0 || green === 0) return green === 0 ? 0 : whole;
  return Math.min(whole - 1, Math.max(1, Math.round((green / (blue + green)) * whole)));
}

const slotStep = 8;
/** Places for instances in each backend: more than there are, so that a release comes and goes without a reload. */
export const slotsOf = ({ blue, green }: Route): number =>
  slotStep * Math.ceil(Math.max(1, blue.instances.length, green.instances.length) / slotStep);

const ms = (time: number | undefined, usual: number): string => `${Math.max(1, Math.round(time ?? usual))}ms`;
/** As HAProxy writes an address: IPv6 in brackets, as we do. */
const bind = (address: Address): string => formatAddress(address);

const safeMethods = 'method GET HEAD OPTIONS TRACE';

function frontend(route: Route, name: string, address: Address, rules: readonly string[]): string[] {
  const { limits = {}, protocol = 'http' } = route;
  const http = protocol === 'http';
  return [
    `frontend ${name}`,
    `    mode ${protocol}`,
    `    bind ${bind(address)}`,
    `    timeout client ${ms(limits.bodyIdle, 60_000)}`,
    ...(http
      ? [
          `    timeout http-request ${ms(limits.headTime, 15_000)}`,
          `    timeout http-keep-alive ${ms(limits.idle, 75_000)}`,
          '    option forwardfor',
          '    http-request set-header X-Forwarded-Proto http',
          '    http-request set-header X-Forwarded-Host %[req.hdr(host)]',
        ]
      : []),
    ...rules.map((rule) => `    ${rule}`),
  ];
}

function frontends(route: Route): string[] {
  const { service, protocol = 'http', previewHost } = route;
  const { share, live } = variablesOf(service);
  const [blue, green] = [backendOf(service, 'blue'), backendOf(service, 'green')];
  const turn = `cutover-${service}`;
  const divided = `{ var(${share}) -m int gt 0 } { var(${share}) -m int lt ${whole} }`;
  const toStandby = [`use_backend ${blue} if { var(${live}) -m int eq 1 }`, `default_backend ${green}`];
  const request = protocol === 'http' ? 'http-request' : 'tcp-request content';
  const count = protocol === 'http' ? 'sc0_http_req_cnt' : 'sc0_conn_cnt';
  const preview =
    previewHost === null
      ? []
      : [
          `acl cutover-preview req.hdr(host),field(1,:),lower -m str ${previewHost}`,
          `use_backend ${blue} if cutover-preview { var(${live}) -m int eq 1 }`,
          `use_backend ${green} if cutover-preview`,
        ];
  return [
    ...frontend(route, turn, route.listen, [
      `${request} track-sc0 int(1) table ${turn} if ${divided}`,
      ...preview,
      `use_backend ${green} if { var(${share}) -m int ge ${whole} }`,
      `use_backend ${green} if { var(${share}) -m int gt 0 } { ${count},mul(${stride}),mod(${whole}),sub(${share}) lt 0 }`,
      `default_backend ${blue}`,
    ]),
    ...(route.preview ? frontend(route, `${turn}-preview`, route.preview, toStandby) : []),
    `backend ${turn}`,
    '    stick-table type integer size 1k store http_req_cnt,conn_cnt',
  ];
}

function backend(route: Route, colour: Colour, servers: readonly string[]): string[] {
  const { limits = {}, protocol = 'http' } = route;
  return [
    `backend ${backendOf(route.service, colour)}`,
    `    mode ${protocol}`,
    `    timeout connect ${ms(limits.connect, 5000)}`,
    `    timeout server ${ms(limits.response, 60_000)}`,
    '    timeout tunnel 1d',
    '    option redispatch',
    '    retries 3',
    ...(protocol === 'http'
      ? [
          // An instance closes what rests; what it did not answer at all may be asked again, if asking twice does no harm.
          '    retry-on conn-failure empty-response',
          `    http-request disable-l7-retry unless { ${safeMethods} }`,
          '    stick-table type integer size 1k store http_req_cnt',
          `    http-request track-sc2 int(1) unless { ${safeMethods} }`,
        ]
      : []),
    ...servers,
  ];
}

/** A server line for each place; those beyond the instances are out of service. */
function servers({ instances }: Route['blue'], slots: number): string[] {
  return Array.from({ length: slots }, (_, index) => {
    const instance = instances[index];
    const rest = instance ? bind(instance) : '127.0.0.1:1 disabled';
    // Less than the shortest time after which a usual server closes what rests (Node's 5 s), so that it is closed from here.
    return `    server ${slotName(index)} ${rest} pool-purge-delay 2s`;
  });
}

const skeleton = (route: Route): string[] => [
  ...frontends(route),
  ...colours.flatMap((colour) => backend(route, colour, [`    # ${slotsOf(route)} places`])),
];

/** What changes by a reload only: of everything but instances, shares and epochs. */
export const structureOf = ({ routes }: ProxyTable): string =>
  createHash('sha256').update(routes.flatMap(skeleton).join('\n')).digest('hex').slice(0, 32);

/** The sections of HAProxy's configuration for a table. Pure. */
export function renderHaproxy(table: ProxyTable): string[] {
  const variables = table.routes.flatMap((route) => {
    const names = variablesOf(route.service);
    return [
      `    set-var ${names.share} int(${greenShare(route)})`,
      `    set-var ${names.live} int(${route.live === 'green' ? 1 : 0})`,
      `    set-var ${names.epoch} int(${route.epoch})`,
    ];
  });
  return [
    'global',
    `    set-var ${structureVariable} str(${structureOf(table)})`,
    `    set-var ${bootVariable} date(0,ms)`,
    ...variables,
    ...table.routes.flatMap((route) => [
      ...frontends(route),
      ...colours.flatMap((colour) => backend(route, colour, servers(route[colour], slotsOf(route)))),
    ]),
  ];
}
