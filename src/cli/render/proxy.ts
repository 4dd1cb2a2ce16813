import { formatAddress } from '../../core/address.ts';
import { type Colour, colours } from '../../core/colour.ts';
import { describeCut } from '../../core/cut.ts';
import { failures, type Applied, type Counters, type Route } from '../../core/traffic.ts';
import type { Mode } from '../../core/mode.ts';
import type { Weights } from '../../core/weights.ts';
import type { ProxyStatus } from '../../proxy/admin/protocol.ts';
import type { Leftover } from '../leftover.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless } from '../terminal/text.ts';
import { certificateLines } from './certificates.ts';
import { modeLine } from './mode.ts';
import { counted, duration } from './words.ts';

/** One service of the proxy, as its status shows it. */
export interface ProxyService {
  readonly route: Route;
  readonly counters: Counters;
}

/** The one line that says where the proxy answers and how it is led. */
export const readyLine = (route: Route, socket: string, paint: Paint): string =>
  `${paint.green('ready:')} ${formatAddress(route.listen)} → ${paint.bold(route.live)}, admin socket ${socket}`;

/** Who is live now, and what the switch cost. */
export const proxySwitchedLine = (service: string, to: string, applied: Applied, paint: Paint): string =>
  `${paint.green('live:')} ${paint.bold(service)} on ${to}; ${counted(applied.held, 'request')} held for at most ${duration(applied.holdMs)}; epoch ${applied.epoch}`;

type LeftoverState = Pick<Leftover, 'colour' | 'left' | 'cut' | 'ending'>;

const endedWords = ({ cut }: LeftoverState): string => {
  const ends = describeCut(cut);
  return ends === '' ? '' : `; ended: ${ends}`;
};

/** How the side that lost the traffic got free, or what is left on it. */
export const proxyLeftoverLine = (leftover: LeftoverState, tookMs: number, paint: Paint): string =>
  leftover.left === 0
    ? `${paint.green('free:')} ${leftover.colour} after ${duration(tookMs)}${endedWords(leftover)}`
    : `${paint.yellow('left:')} ${leftover.left} in flight on ${leftover.colour} after ${duration(tookMs)}${endedWords(leftover)}; they go on`;

/** What is so although nobody waits any more. */
export const proxyInterruptedLine = (leftover: LeftoverState, to: string, paint: Paint): string =>
  `${paint.yellow('interrupted:')} the switch to ${to} is in force; ${leftover.left === null ? 'what is' : leftover.left} in flight on ${leftover.colour} ${leftover.ending ? 'is still being ended' : 'goes on, and nothing of it is ended'}${endedWords(leftover)}`;

const percent = (weights: Weights, colour: Colour): string =>
  `${Math.round((weights[colour] / (weights.blue + weights.green)) * 10_000) / 100} %`;

/** What each side gets from now on. */
export const proxyDividedLine = (service: string, weights: Weights, applied: Applied, paint: Paint): string =>
  `${paint.green('divided:')} ${paint.bold(service)} ${colours.map((colour) => `${percent(weights, colour)} on ${colour}`).join(', ')}; ${counted(applied.held, 'request')} held for at most ${duration(applied.holdMs)}; epoch ${applied.epoch}`;

/** How a service meets requests. */
export const proxyModeLine = (service: string, mode: Mode, epoch: number | undefined, paint: Paint): string =>
  `${paint.green('mode:')} ${paint.bold(service)} is ${modeLine(mode, paint)}${epoch === undefined ? '' : `; epoch ${epoch}`}`;

/** Workers, services and what went through each side. */
export function proxyStatusLines(
  status: ProxyStatus,
  services: readonly ProxyService[],
  paint: Paint,
  /** Milliseconds since 1970. */
  now: number = Date.now(),
): string[] {
  const ready = status.workers.filter((worker) => worker.ready).length;
  const lines = [
    `proxy ${status.version}, pid ${status.pid}, ${ready} of ${counted(status.workers.length, 'worker')} ready${status.draining.length === 0 ? '' : `, ${status.draining.length} draining`}`,
  ];
  for (const { route, counters } of services) {
    lines.push(
      `${paint.bold(route.service)}  ${formatAddress(route.listen)}  epoch ${route.epoch}${route.mode === undefined || route.mode.mode === 'open' ? '' : `  ${paint.yellow(route.mode.mode)}`}`,
    );
    for (const colour of colours) {
      const { instances } = route[colour];
      const side = counters[colour];
      const failed = failures(side);
      const where = instances.length === 0 ? 'no instance' : instances.map(formatAddress).join(', ');
      lines.push(
        `  ${colour === route.live ? paint.green('live   ') : 'standby'} ${colour.padEnd(5)}  ${where}  ${route.weights ? `${percent(route.weights, colour)}, ` : ''}${counted(side.requests, 'request')}, ${side.inFlight} in flight, ${failed === 0 ? 'none failed' : paint.red(`${failed} failed`)}`,
      );
    }
  }
  if (services.length === 0) lines.push('  no service yet');
  lines.push(...certificateLines(status.certificates, now, paint));
  for (const warning of status.warnings) lines.push(`  ! ${harmless(warning)}`);
  return lines;
}
