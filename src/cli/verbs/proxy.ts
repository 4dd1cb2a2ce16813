import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { formatAddress } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import { other } from '../../core/colour.ts';
import { Mode } from '../../core/mode.ts';
import { EmbeddedRouter } from '../../routers/embedded/embedded-router.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { readHomeSettings } from '../../config/home-settings.ts';
import { modeOrder, type ModeWords } from '../mode-order.ts';
import { keep } from '../processes/proxy-keeper.ts';
import { interruptedExit, interruptible } from '../interrupt.ts';
import { Leftover, leftoverOrder, type LeftoverWords } from '../leftover.ts';
import { aloneService, orderedRoute, proxyOrder, weightsOrder } from '../proxy-order.ts';
import type { EntranceWords } from '../entrance-words.ts';
import { previewWordNames, type PreviewWords } from '../preview-words.ts';
import { type TlsWords, tlsWordNames } from '../tls-words.ts';
import type { UpstreamWords } from '../upstream-words.ts';
import {
  proxyDividedLine,
  proxyInterruptedLine,
  proxyLeftoverLine,
  proxyModeLine,
  proxyStatusLines,
  proxySwitchedLine,
  readyLine,
  type ProxyService,
} from '../render/proxy.ts';
import { proxyMirror, refuseMirrorWords, type MirrorWords } from './proxy-mirror.ts';
import { isJoining, joining, joiningWords } from './proxy-join.ts';
import { upgradeProxy } from '../upgrade-proxy.ts';

export interface ProxyOptions
  extends PreviewWords, TlsWords, UpstreamWords, ModeWords, EntranceWords, LeftoverWords, MirrorWords {
  readonly listen?: string;
  readonly blue?: string;
  readonly green?: string;
  readonly live?: string;
  readonly accessLog?: string;
  readonly sticky?: string;
  readonly sideHeader?: string;
  readonly errorPage?: readonly string[];
  readonly metrics?: string;
  readonly admin?: string;
  readonly workers?: number;
  readonly service?: string;
  readonly control?: string;
  readonly tokenFile?: string;
  readonly valid?: number;
}

/** What only the start of a proxy is told. */
const starting = [
  ...(['listen', 'blue', 'green', 'live', 'accessLog', 'metrics', 'workers'] as const),
  ...tlsWordNames,
  ...(['upstreamProtocol', 'upstreamTls', 'upstreamCa', 'upstreamName'] as const),
  ...(['sticky', 'sideHeader', 'errorPage'] as const),
  ...previewWordNames,
  ...(['upstreamCert', 'upstreamKey', 'upstreamInsecure'] as const),
  ...(['proxyProtocol', 'trust', 'limit'] as const),
];

const dashed = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const usage = (message: string, next: string): CutoverError => new CutoverError('usage', message, { next });

/** The proxy by itself, or an order to one that runs. */
export async function proxy(
  invocation: Invocation,
  action: string | undefined,
  values: readonly string[],
  options: ProxyOptions,
): Promise<number> {
  if (action === undefined) return serve(invocation, options);
  if (isJoining(action)) return joining(invocation, action, values, options);
  for (const each of joiningWords)
    if (options[each] !== undefined)
      throw usage(
        `cutover proxy ${action}: --${dashed(each)} is for a proxy that is one of several`,
        'leave it out',
      );
  const stray = starting.find((each) => options[each] !== undefined);
  if (action !== 'mode') refuseModeWords(`cutover proxy ${action}`, options);
  if (action !== 'switch') refuseLeftoverWords(`cutover proxy ${action}`, options);
  if (action !== 'mirror') refuseMirrorWords(`cutover proxy ${action}`, options);
  if (stray !== undefined)
    throw usage(
      `cutover proxy ${action}: --${dashed(stray)} is for starting a proxy`,
      'leave it out; --admin SOCK or --home DIR says which proxy is meant',
    );
  const router = new EmbeddedRouter(
    invocation.homeDirectory,
    options.admin === undefined ? undefined : resolve(invocation.cwd, options.admin),
  );
  if (action === 'weights') return divide(invocation, router, values, options.service);
  const takes = action === 'switch' || action === 'mode' || action === 'mirror' ? 1 : 0;
  const more = values[takes];
  if (more !== undefined)
    throw usage(`cutover proxy ${action}: expected no more words, found ${more}`, 'leave it out');
  const [value] = values;
  if (action === 'switch') return switchTo(invocation, router, value, options);
  if (action === 'mirror')
    return proxyMirror(invocation, router, await serviceOf(router, options.service), value, options);
  if (action === 'mode') return setMode(invocation, router, value, options);
  return action === 'upgrade' ? upgrade(invocation, router) : status(invocation, router);
}

async function serve(invocation: Invocation, options: ProxyOptions): Promise<number> {
  if (options.service !== undefined)
    throw usage('--service: a proxy by itself has one service', 'leave it out');
  for (const each of joiningWords)
    if (options[each] !== undefined)
      throw usage(
        `cutover proxy: --${dashed(each)} is for a proxy that is one of several`,
        'cutover proxy join --control :7443 --home /var/lib/cutover',
      );
  refuseModeWords('cutover proxy', options);
  refuseLeftoverWords('cutover proxy', options);
  refuseMirrorWords('cutover proxy', options);
  const order = proxyOrder(options, invocation.cwd);
  const { cwd, home, json, output, paint } = invocation;
  if (options.acme !== undefined && home === undefined)
    throw usage(
      'cutover proxy --acme: expected --home, where the certificates are kept, found none',
      'name a directory: --home /var/lib/cutover; without one each start would ask the authority anew, and meet its limits',
    );
  const settings = home === undefined ? {} : readHomeSettings(resolve(cwd, home));
  await keep(
    {
      home: home === undefined ? mkdtempSync(join(tmpdir(), 'cutover-proxy-')) : resolve(cwd, home),
      workers: options.workers,
      metrics: options.metrics ?? settings.metrics,
      adminSocket: options.admin === undefined ? undefined : resolve(cwd, options.admin),
      alone: true,
      temporary: home === undefined,
    },
    async ({ socket, keeper }) => {
      await keeper.apply(orderedRoute(order, keeper.route(aloneService)));
      const route = keeper.route(aloneService);
      if (!route) throw new CutoverError('internal', 'the route that was put in force is not there');
      if (json) answerJson(invocation, { ready: true, pid: process.pid, socket, route });
      else output.line(readyLine(route, socket, paint));
    },
  );
  return 0;
}

async function servicesOf(router: EmbeddedRouter, names: readonly string[]): Promise<ProxyService[]> {
  const found = await Promise.all(
    names.map(async (name) => ({ route: await router.read(name), counters: await router.counters(name) })),
  );
  return found.flatMap(({ route, counters }) => (route ? [{ route, counters }] : []));
}

async function status(invocation: Invocation, router: EmbeddedRouter): Promise<number> {
  const state = await router.status();
  const services = await servicesOf(router, state.table.services);
  if (invocation.json) answerJson(invocation, { socket: router.socket, ...state, services });
  else for (const line of proxyStatusLines(state, services, invocation.paint)) invocation.output.line(line);
  return 0;
}

/** The service that is meant: the one that is named, else the only one. */
async function serviceOf(router: EmbeddedRouter, named: string | undefined): Promise<string> {
  const { services } = (await router.status()).table;
  if (named !== undefined) return named;
  const [only] = services;
  if (only !== undefined && services.length === 1) return only;
  throw new CutoverError(
    'service-unknown',
    `expected a proxy with one service, found ${services.length === 0 ? 'none' : services.join(', ')}`,
    { next: 'name it: --service NAME' },
  );
}

async function switchTo(
  invocation: Invocation,
  router: EmbeddedRouter,
  to: string | undefined,
  options: ProxyOptions,
): Promise<number> {
  if (to !== 'blue' && to !== 'green')
    throw usage(
      `cutover proxy switch: expected blue or green, found ${to ?? 'nothing'}`,
      'cutover proxy switch green',
    );
  const order = leftoverOrder(options);
  const { json, output, paint, notePaint } = invocation;
  const service = await serviceOf(router, options.service);
  const applied = await router.switchTo(service, to);
  if (!json) output.line(proxySwitchedLine(service, to, applied, paint));
  if (order === null) {
    if (json) answerJson(invocation, { service, live: to, ...applied });
    return 0;
  }
  const begun = performance.now();
  const leftover = new Leftover(router, service, other(to), applied.counters, (line) => output.note(line));
  let ended: void | 'interrupted';
  try {
    ended = await interruptible((signal) => leftover.settle(order, signal));
  } catch (error) {
    output.note(
      `the switch to ${to} is in force (epoch ${applied.epoch}); the wait for ${leftover.colour} failed:`,
    );
    throw error;
  }
  const tookMs = performance.now() - begun;
  const interrupted = ended === 'interrupted';
  const { colour, left, cut } = leftover;
  if (json)
    answerJson(invocation, {
      ...{ service, live: to, ...applied },
      drain: { colour, left, tookMs, cut, interrupted },
    });
  else if (!interrupted) output.line(proxyLeftoverLine(leftover, tookMs, paint));
  if (!interrupted) return 0;
  output.note(proxyInterruptedLine(leftover, to, notePaint));
  return interruptedExit;
}

async function divide(
  invocation: Invocation,
  router: EmbeddedRouter,
  words: readonly string[],
  named: string | undefined,
): Promise<number> {
  const weights = weightsOrder(words);
  const service = await serviceOf(router, named);
  const applied = await router.divide(service, weights);
  if (invocation.json) answerJson(invocation, { service, weights, ...applied });
  else invocation.output.line(proxyDividedLine(service, weights, applied, invocation.paint));
  return 0;
}

function refuseModeWords(verb: string, options: ProxyOptions): void {
  const stray = (['writes', 'wait', 'queue', 'pace', 'retryAfter', 'page'] as const).find(
    (each) => options[each] !== undefined,
  );
  if (stray !== undefined)
    throw usage(
      `${verb}: --${stray === 'retryAfter' ? 'retry-after' : stray} is for setting a mode`,
      'cutover proxy mode read-only --writes refuse',
    );
}

function refuseLeftoverWords(verb: string, { drain, leftover, closeOver }: LeftoverWords): void {
  const stray = Object.entries({ drain, leftover, 'close-over': closeOver }).find(
    ([, value]) => value !== undefined,
  );
  if (stray !== undefined)
    throw usage(`${verb}: --${stray[0]} is for a switch`, 'cutover proxy switch green --drain 30s');
}

/** Sets the mode; without one, shows the one in force. */
async function setMode(
  invocation: Invocation,
  router: EmbeddedRouter,
  to: string | undefined,
  options: ProxyOptions,
): Promise<number> {
  const order = to === undefined ? null : modeOrder('cutover proxy mode', to, options, invocation.cwd);
  const service = await serviceOf(router, options.service);
  const applied = order && (await router.setMode(service, order));
  const route = await router.read(service);
  const mode = route?.mode ?? Mode.parse({ mode: 'open' });
  if (invocation.json) {
    const { page: _page, ...settings } = mode;
    answerJson(invocation, { service, ...settings, ...(applied ?? { epoch: route?.epoch ?? null }) });
  } else
    invocation.output.line(proxyModeLine(service, mode, applied?.epoch ?? route?.epoch, invocation.paint));
  return 0;
}

async function upgrade(invocation: Invocation, router: EmbeddedRouter): Promise<number> {
  const { before, after, tookMs } = await upgradeProxy(router);
  const { output, paint, json } = invocation;
  const { pid, version, workers, listeners } = after;
  if (json) answerJson(invocation, { from: before.from, to: version, pid, tookMs, workers, listeners });
  else
    output.line(
      `${paint.green('upgraded:')} ${before.from} → ${version}, pid ${pid}, ${workers.length} new workers on ${listeners.map(formatAddress).join(', ') || 'no address'}`,
    );
  return 0;
}
