import type { Rates, SideRates } from '../../core/rates.ts';
import type { Colour } from '../../core/colour.ts';
import type { CountersView } from '../../server/api.ts';
import type { Paint } from '../terminal/paint.ts';
import { table } from '../terminal/table.ts';
import { harmless } from '../terminal/text.ts';
import { colours } from './colours.ts';
import { pausedLines } from './deployment.ts';
import { count, duration, share } from './words.ts';

/** What is drawn: the rates of one service, and which environment has the traffic. */
export interface TopReading {
  readonly service: string;
  readonly live: Colour | null;
  /** Which part of the traffic each environment gets, in per cent; null: one has it all. */
  readonly weights: NonNullable<CountersView['weights']> | null;
  /** Who has paused the deployment that is under way; null if nobody has, or nobody knows. */
  readonly paused: NonNullable<CountersView['paused']> | null;
  readonly rates: Rates;
}

/** `0`, `0.4`, `1,234`: small rates keep a digit. */
const rate = (n: number): string => (n > 0 && n < 10 ? n.toFixed(1).replace(/\.0$/, '') : count(n));

/** Bytes with a unit that keeps the number short: `812 B`, `1.2 MB`. */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (n >= 999.5 && unit < units.length - 1) {
    n /= 1000;
    unit++;
  }
  return `${unit > 0 && n < 9.95 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}

const time = (at: number): string => new Date(at).toTimeString().slice(0, 8);

/** Both environments side by side. */
export function topLines({ service, live, weights, paused, rates }: TopReading, paint: Paint): string[] {
  const title = (colour: Colour): string => {
    const hue = colour === 'blue' ? paint.blue : paint.green;
    return live === colour ? `${hue(colour)} ${paint.bold('live')}` : hue(colour);
  };
  const row = (name: string, cell: (side: SideRates) => string): string[] => [
    name,
    ...colours.map((colour) => cell(rates[colour])),
  ];
  const wrong = (n: number): string => (n > 0 ? paint.red(rate(n)) : '0');
  const lines = table(
    [{ title: '' }, { title: title('blue'), align: 'right' }, { title: title('green'), align: 'right' }],
    [
      ...(weights ? [['weight', ...colours.map((colour) => share(weights[colour]))]] : []),
      row('requests/s', (side) => rate(side.requestsPerSecond)),
      row('errors/s', (side) => wrong(side.errorsPerSecond)),
      row('p50', (side) => duration(side.p50Ms)),
      row('p99', (side) => duration(side.p99Ms)),
      row('in flight', (side) => count(side.inFlight)),
      row('in/s', (side) => bytes(side.bytesInPerSecond)),
      row('out/s', (side) => bytes(side.bytesOutPerSecond)),
    ],
  );
  const refused = rates.refusedPerSecond;
  return [
    `${paint.bold(service)}  ${paint.dim(time(rates.at))}`,
    '',
    ...lines.map((line) => `  ${line}`.trimEnd()),
    ...(paused ? ['', ...pausedLines({ service, paused }, { paint, now: rates.at })] : []),
    ...(refused > 0 ? ['', `  ${paint.yellow('refused/s')}  ${rate(refused)}`] : []),
  ];
}

/** The same as one line for each environment, for a file or a pipe. */
export function topRows({ service, live, weights, paused, rates }: TopReading): string[] {
  return colours.map((colour) => {
    const side = rates[colour];
    return [
      time(rates.at),
      service,
      `${colour}${live === colour ? '*' : ''}`,
      `requests/s ${rate(side.requestsPerSecond)}`,
      `errors/s ${rate(side.errorsPerSecond)}`,
      `p50 ${duration(side.p50Ms)}`,
      `p99 ${duration(side.p99Ms)}`,
      `in-flight ${count(side.inFlight)}`,
      `in/s ${bytes(side.bytesInPerSecond)}`,
      `out/s ${bytes(side.bytesOutPerSecond)}`,
      ...(weights ? [`weight ${share(weights[colour])}`] : []),
      ...(paused ? [`paused by ${harmless(paused.by)}`] : []),
    ].join('  ');
  });
}
