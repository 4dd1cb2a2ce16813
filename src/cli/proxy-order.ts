import { resolve } from 'node:path';
import { formatAddress, parseAddress, type Address } from '../core/address.ts';
import { type Colour, colours, other } from '../core/colour.ts';
import type { RouteAssets } from '../core/assets.ts';
import type { RouteEntrance } from '../core/entrance.ts';
import { CutoverError } from '../core/errors.ts';
import { AccessLog, type RouteAccessLog, routeAccessLog } from '../core/access-log.ts';
import type { RouteLimits } from '../core/limits.ts';
import type { RoutePages } from '../core/page.ts';
import type { RouteSticky } from '../core/sticky.ts';
import type { Route, RouteTls } from '../core/traffic.ts';
import { Weights } from '../core/weights.ts';
import { weighted } from '../core/weights-line.ts';
import { type EntranceWords, entranceOf, limitsOf } from './entrance-words.ts';
import { errorPagesOf } from './page-words.ts';
import { assetsOf, type PreviewOrder, previewOf, type PreviewWords } from './preview-words.ts';
import { sideHeaderOf, stickyOf } from './sticky-words.ts';
import { type TlsWords, tlsOf } from './tls-words.ts';
import { type UpstreamWords, upstreamOf } from './upstream-words.ts';
import type { RouteUpstream } from '../core/upstream.ts';

/** The one service of a proxy that runs by itself. */
export const aloneService = 'main';

/** What `cutover proxy` is told of the traffic. */
export interface ProxyOrder {
  readonly listen: Address;
  readonly blue: readonly Address[];
  readonly green: readonly Address[];
  /** Undefined: as it was, else the first side that has an instance. */
  readonly live: Colour | undefined;
  /** Undefined: plain HTTP. */
  readonly tls: RouteTls | undefined;
  /** Undefined: none. */
  readonly accessLog: RouteAccessLog | undefined;
  /** Undefined: plain HTTP/1.1 to the instances. */
  readonly upstream: RouteUpstream | undefined;
  /** Undefined: clients come by themselves. */
  readonly entrance: RouteEntrance | undefined;
  /** Undefined: those by default. */
  readonly limits: RouteLimits | undefined;
  /** Undefined: each request goes by itself. */
  readonly sticky: RouteSticky | undefined;
  readonly sideHeader: string | undefined;
  readonly previews: PreviewOrder;
  readonly assets: RouteAssets | undefined;
  /** Undefined: lines of text. */
  readonly errorPages: RoutePages | undefined;
}

const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });

function listenAddress(text: string | undefined): Address {
  const next = 'say where users reach it, such as --listen 0.0.0.0:8080; port 0 takes a free one';
  if (text === undefined) throw usage('cutover proxy: expected --listen ADDR, found none', next);
  const address = parseAddress(text);
  if (address) return address;
  throw usage(`--listen: expected an address such as 0.0.0.0:8080, [::1]:8080 or :8080, found ${text}`, next);
}

function instances(colour: Colour, text: string | undefined): Address[] {
  if (text === undefined) return [];
  return text.split(',').map((each) => {
    const address = parseAddress(each.trim());
    if (address && address.port > 0)
      // What stands for every address of this machine can be listened on; to be called, it needs one of them.
      return address.host === '0.0.0.0' ? { ...address, host: '127.0.0.1' } : address;
    throw usage(
      `--${colour}: expected HOST:PORT or a list of them with commas, found ${each.trim() || 'nothing'}`,
      `name each instance as --${colour} 127.0.0.1:3000,127.0.0.1:3001`,
    );
  });
}

/** The access log in a file relative to `cwd`, or with `-` on standard output, as the spec has it by default; undefined if none is named. */
function accessLogOf(file: string | undefined, cwd: string): RouteAccessLog | undefined {
  if (file === undefined) return undefined;
  if (file === '')
    throw usage('--access-log: expected a file, found nothing', 'name one, or - for standard output');
  return routeAccessLog(AccessLog.parse(file === '-' ? { stdout: true } : { file }), (path) =>
    resolve(cwd, path),
  );
}

/** Reads the words of the command line; throws `usage` for what is missing, wrong, or contradicts itself. */
export function proxyOrder(
  words: {
    readonly listen?: string;
    readonly blue?: string;
    readonly green?: string;
    readonly live?: string;
    readonly accessLog?: string;
    readonly sticky?: string;
    readonly sideHeader?: string;
    readonly errorPage?: readonly string[];
  } & TlsWords &
    PreviewWords &
    UpstreamWords &
    EntranceWords,
  cwd: string,
): ProxyOrder {
  const listen = listenAddress(words.listen);
  const sides = { blue: instances('blue', words.blue), green: instances('green', words.green) };
  if (sides.blue.length + sides.green.length === 0)
    throw usage(
      'cutover proxy: expected an instance on blue or on green, found none',
      'name at least one: --blue HOST:PORT or --green HOST:PORT',
    );
  const live = colours.find((colour) => colour === words.live);
  if (words.live !== undefined && live === undefined)
    throw usage(`--live: expected blue or green, found ${words.live}`, 'name one of them');
  if (live !== undefined && sides[live].length === 0)
    throw usage(
      `--live ${live}: expected an instance on ${live}, found none`,
      `name one: --${live} HOST:PORT; or send the traffic to ${other(live)}`,
    );
  const loop = [...sides.blue, ...sides.green].find(
    (address) => listen.port !== 0 && formatAddress(address) === formatAddress(listen),
  );
  if (loop)
    throw usage(
      `${formatAddress(loop)} is both what the proxy listens on and an instance behind it`,
      'give the proxy an address of its own',
    );
  return {
    listen,
    ...sides,
    live,
    tls: tlsOf(words, listen, cwd),
    accessLog: accessLogOf(words.accessLog, cwd),
    upstream: upstreamOf(words, cwd),
    entrance: entranceOf(words),
    limits: limitsOf(words.limit),
    sticky: stickyOf(words.sticky, aloneService, words.tlsCert !== undefined),
    sideHeader: sideHeaderOf(words.sideHeader),
    assets: assetsOf(words),
    previews: previewOf(words, aloneService, words.tlsCert !== undefined || words.acme !== undefined, cwd),
    errorPages: errorPagesOf(words.errorPage, cwd),
  };
}

/** The route for an order, beside what was in force in this home before. */
export function orderedRoute(
  {
    listen,
    blue,
    green,
    live,
    tls,
    accessLog,
    upstream,
    entrance,
    limits,
    sticky,
    sideHeader,
    previews: { preview, previewHost, testers },
    assets,
    errorPages,
  }: ProxyOrder,
  former: Route | null,
): Route {
  const sides = { blue, green };
  const first: Colour = blue.length > 0 ? 'blue' : 'green';
  const kept = former && sides[former.live].length > 0 ? former.live : first;
  const side = (release: number, all: readonly Address[]) => ({
    release: all.length > 0 ? release : null,
    instances: [...all],
    ...(upstream && { upstream }),
  });
  return {
    service: aloneService,
    epoch: (former?.epoch ?? 0) + 1,
    live: live ?? kept,
    listen,
    preview,
    previewHost,
    ...(testers && { testers }),
    ...(assets && { assets }),
    // A restart does not change who was live before.
    ...(former?.kept === true && (live ?? kept) === former.live && { kept: true }),
    ...(tls && { tls }),
    ...(accessLog && { accessLog }),
    ...(entrance && { entrance }),
    ...(limits && { limits }),
    ...(sticky && { sticky }),
    ...(sideHeader !== undefined && { sideHeader }),
    ...(errorPages && { errorPages }),
    blue: side(1, blue),
    green: side(2, green),
    ...(live === undefined &&
    former?.weights &&
    weighted(former.weights).every((colour) => sides[colour].length > 0)
      ? { weights: former.weights }
      : {}),
    ...(former?.mode ? { mode: former.mode } : {}),
  };
}

/**
 * Reads `blue=90 green=10`, in any order; a side that is not named gets nothing.
 *
 * @throws CutoverError `usage`
 */
export function weightsOrder(words: readonly string[]): Weights {
  const usual = 'say each share: cutover proxy weights blue=90 green=10';
  const shares = new Map<string, number>();
  for (const word of words) {
    const [, colour = '', digits = ''] = /^(blue|green)=(\d{1,5})$/.exec(word) ?? [];
    if (digits === '') throw usage(`cutover proxy weights: expected blue=N or green=N, found ${word}`, usual);
    if (shares.has(colour)) throw usage(`cutover proxy weights: ${colour} is named twice`, usual);
    shares.set(colour, Number(digits));
  }
  const weights = Weights.safeParse({ blue: shares.get('blue') ?? 0, green: shares.get('green') ?? 0 });
  if (weights.success) return weights.data;
  throw usage(
    `cutover proxy weights: expected whole numbers up to 10000 of which one is above 0, found ${words.join(' ') || 'nothing'}`,
    usual,
  );
}
