import type { Colour } from '../../core/colour.ts';
import { colours } from './colours.ts';
import { combineCut, cutInAll, describeCut, noneCut, type Cut } from '../../core/cut.ts';
import { describeVerdict } from '../../core/verdict.ts';
import type { Receipt } from '../../core/receipt.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless, padded } from '../terminal/text.ts';
import { warmthWords } from '../../core/warm-up.ts';
import { measureLines } from './measures.ts';
import { count, counted, duration, moment, share } from './words.ts';
import { diffSummaryWords } from './diff.ts';

/** How many requests failed and why, e.g. `2 (connect-failed 2)`; calm if none did. */
function failed(receipt: Receipt, paint: Paint): string {
  if (receipt.failed === 0) return paint.green('0');
  const causes = new Map<string, number>();
  for (const colour of colours) {
    for (const [cause, n] of Object.entries(receipt.environments[colour].failed)) {
      causes.set(cause, (causes.get(cause) ?? 0) + n);
    }
  }
  const why = [...causes].map(([cause, n]) => `${cause} ${count(n)}`).join(', ');
  return paint.red(`${count(receipt.failed)}${why === '' ? '' : ` (${why})`}`);
}

const side = (receipt: Receipt, colour: Colour): string => {
  const { release, requests } = receipt.environments[colour];
  return `${colour}${release === null ? '' : ` (release ${release})`} ${count(requests)}`;
};

/** What was ended on purpose in both environments. */
const cutOf = (receipt: Receipt): Cut =>
  colours.reduce(
    (sum, colour) => combineCut(sum, receipt.environments[colour].cut ?? noneCut(), 1),
    noneCut(),
  );

/** A whole receipt, a line for each thing that was measured. */
export function receiptLines(receipt: Receipt, paint: Paint): string[] {
  const rows: [string, string][] = [
    [
      'release',
      `${receipt.release} (${harmless(receipt.version)}), ${receipt.kind} by ${harmless(receipt.by)}`,
    ],
    ['time', `${moment(receipt.startedAt)}, took ${duration(receipt.endedAt - receipt.startedAt)}`],
    ['requests', `${count(receipt.requests)}: ${side(receipt, 'blue')}, ${side(receipt, 'green')}`],
    ['failed', failed(receipt, paint)],
    ['held', `${count(receipt.held)} at the switch`],
    ['retried', count(receipt.retried)],
  ];
  rows.push(...aroundRows(receipt));
  if (receipt.mirror) rows.push(['mirror', diffSummaryWords(receipt.mirror)]);
  if (receipt.latency) {
    const { before, during, after } = receipt.latency;
    for (const [name, { requests, p50Ms, p99Ms }] of [
      ['before', before],
      ['during', during],
      ['after', after],
    ] as const) {
      rows.push([
        `p50/p99 ${name}`,
        `${duration(p50Ms)} / ${duration(p99Ms)} of ${counted(requests, 'request')}`,
      ]);
    }
  }
  for (const { to, weight, ms, requests } of receipt.canary ?? []) {
    const got = requests && requests.blue + requests.green;
    const seen =
      requests === null || got === null
        ? 'not counted'
        : `${count(requests[to])} of ${counted(got, 'request')}${got === 0 ? '' : ` (${share((100 * requests[to]) / got)})`}`;
    rows.push(['canary', `${to} ${share(weight)} for ${duration(ms)}: ${seen}`]);
  }
  for (const { name, before, status, says, waitedMs } of receipt.gates ?? [])
    rows.push([
      'gate',
      `${harmless(name)}, before ${before}: ${harmless(says ?? status)}${waitedMs === null ? '' : `, after ${duration(waitedMs)}`}`,
    ]);
  for (const { kind, by, at, force } of receipt.interventions ?? [])
    rows.push([kind, `by ${harmless(by)}, ${moment(at)}${force ? ', gates too' : ''}`]);
  rows.push(['steps', receipt.steps.map(({ kind, ms }) => `${kind} ${duration(ms)}`).join(', ')]);
  for (const { step, colour, measures } of receipt.analysis ?? [])
    for (const [index, line] of measureLines(measures, paint).entries())
      rows.push([index === 0 ? `${step} of ${colour}` : '', line]);
  for (const { name, when, stage, ok, detail, ms } of receipt.hooks ?? [])
    rows.push([
      `hook ${when} ${stage}`,
      ok
        ? `${harmless(name)} ${duration(ms)}`
        : `${paint.red('failed')} ${duration(ms)}, ${harmless(name)}: ${harmless(detail)}`,
    ]);
  for (const gap of receipt.gaps) rows.push(['not measured', harmless(gap)]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const title = `${paint.bold(receipt.service)}: receipt of deployment ${receipt.deployment}, ${outcome(receipt.outcome, paint)}`;
  return [title, ...rows.map(([name, text]) => `  ${paint.dim(padded(name, width))}  ${text}`)];
}

/** What there is to say of the switch and of what was around it: each a name and a sentence. */
export function aroundRows(receipt: Receipt): [string, string][] {
  const rows: [string, string][] = [];
  const cut = cutOf(receipt);
  if (cutInAll(cut) > 0) rows.push(['ended', `${describeCut(cut)}: so that an environment got free`]);
  const inAll = (pick: (side: Receipt['environments']['blue']) => number | undefined): number =>
    colours.reduce((sum, colour) => sum + (pick(receipt.environments[colour]) ?? 0), 0);
  const previews = inAll((each) => each.previews);
  if (previews > 0) rows.push(['previews', `${count(previews)} of them by testers`]);
  const fromBefore = inAll((each) => each.fromBefore);
  if (fromBefore > 0)
    rows.push(['assets', `${count(fromBefore)} of them answered with what the side before had`]);
  if (receipt.mode !== undefined && receipt.mode !== 'open')
    rows.push(['mode', `the service is ${receipt.mode}`]);
  if (receipt.switch) {
    const { from, to, epoch, switchMs, holdMs } = receipt.switch;
    const way = from === null ? `to ${to}` : `${from} to ${to}`;
    rows.push([
      'switch',
      `${way} in ${duration(switchMs)}, new requests held for ${duration(holdMs)}, epoch ${epoch}`,
    ]);
  }
  if (receipt.switchBack) {
    const { to, epoch, switchMs } = receipt.switchBack;
    rows.push(['back', `to ${to} in ${duration(switchMs)}, epoch ${epoch}`]);
  }
  if (receipt.warmUp) rows.push(['warm-up', warmthWords(receipt.warmUp)]);
  for (const row of wayBackRows(receipt)) rows.push(row);
  if (receipt.drainMs !== null) {
    const left = receipt.leftAfterDrain ?? 0;
    rows.push([
      'drain',
      `${duration(receipt.drainMs)}, ${left === 0 ? 'nothing left' : `${count(left)} left in flight`}`,
    ]);
  }
  for (const row of lateRows(receipt)) rows.push(row);
  return rows;
}

/** Who still came to the side that had lost the traffic. */
export function lateRows({ lateClients, switch: switched, switchBack }: Receipt): [string, string][] {
  if (!lateClients) return [];
  const { colour, ms, late, lastAt, left } = lateClients;
  const served = `${colour} served them for ${duration(ms)}`;
  if (late === null) return [['late clients', `not observed; ${served}`]];
  const since = (switchBack ?? switched)?.at;
  const last =
    lastAt === null || since === undefined
      ? ''
      : `, the last ${duration(Math.max(0, lastAt - since))} after the switch`;
  return [
    ['late clients', `${counted(late, 'request')}${last}; ${served}${left ? '' : ', and some still come'}`],
  ];
}

/** What going back cost or would have, and what a person decided about it. */
function wayBackRows({ wayBack }: Receipt): [string, string][] {
  if (!wayBack) return [];
  const { verdict, frozenAt, decision, reason } = wayBack;
  const rows: [string, string][] = [];
  if (verdict !== null) rows.push(['going back', harmless(describeVerdict(verdict))]);
  if (reason !== null) rows.push(['reason', harmless(reason)]);
  if (frozenAt === null) return rows;
  const words = decision === null ? '' : decision.decision === 'keep' ? 'kept the new side' : 'went back';
  const why = decision === null || decision.reason === null ? '' : `: ${decision.reason}`;
  rows.push([
    'frozen',
    decision === null
      ? moment(frozenAt)
      : harmless(`for ${duration(decision.at - frozenAt)}, then ${decision.by} ${words}${why}`),
  ]);
  return rows;
}

const outcome = (text: string, paint: Paint): string =>
  text === 'succeeded' ? paint.green(text) : text === 'frozen' ? paint.red(text) : paint.yellow(text);

/** The receipt of a deployment that succeeded, in a few lines. */
export function receiptSummary(receipt: Receipt, paint: Paint): string[] {
  const { requests, held, retried, latency } = receipt;
  const lost = receipt.failed === 0 ? paint.green('0 failed') : `${failed(receipt, paint)} failed`;
  const lines = [
    `  ${counted(requests, 'request')}, ${lost}, ${count(held)} held, ${count(retried)} retried`,
  ];
  const p99 = latency && [latency.before.p99Ms, latency.during.p99Ms, latency.after.p99Ms];
  if (p99?.some((ms) => ms !== null)) {
    const [before, during, after] = p99.map(duration);
    lines.push(`  p99 ${before} before the switch, ${during} during, ${after} after`);
  }
  if (receipt.mirror) lines.push(`  mirror: ${diffSummaryWords(receipt.mirror)}`);
  const cut = cutOf(receipt);
  if (cutInAll(cut) > 0) lines.push(`  ended so that an environment got free: ${describeCut(cut)}`);
  if (receipt.switch) {
    const { switchMs, from, to } = receipt.switch;
    lines.push(
      `  ${from === null ? `traffic on ${to} after` : `switched from ${from} to ${to} in`} ${duration(switchMs)}`,
    );
  }
  for (const gap of receipt.gaps) lines.push(`  ${paint.yellow('not measured:')} ${harmless(gap)}`);
  return lines;
}
