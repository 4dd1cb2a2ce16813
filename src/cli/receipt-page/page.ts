import { colours, type Colour } from '../../core/colour.ts';
import type { Receipt } from '../../core/receipt.ts';
import type { Timeline } from '../../core/timeline.ts';
import { count, duration, moment, share } from '../render/words.ts';
import { chapters } from './chapters.ts';
import { chart, type Mark } from './chart.ts';
import { html, type Html } from './html.ts';
import { round } from './scale.ts';
import { stepsChart } from './steps-chart.ts';
import { style } from './style.ts';

/**
 * A receipt as one HTML page that needs nothing else: no script, no font, no picture from elsewhere, so that it can be mailed, kept
 * and opened in ten years.
 */
export function receiptPage(receipt: Receipt): string {
  const { service, deployment, release, version, outcome, kind, by, startedAt, endedAt, hash } = receipt;
  const title = `${service}: deployment ${deployment}`;
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${title}, ${outcome}</title>
      <style>
        ${style}
      </style>
      <h1>${title} <span class="${outcome}">${outcome}</span></h1>
      <p>${kind} of release ${release} (${version}) by ${by}</p>
      <p class="dim">${moment(startedAt)}, took ${duration(endedAt - startedAt)}</p>
      ${tiles(receipt)}
      ${receipt.timeline ? timelineCharts(receipt, receipt.timeline) : html`<p class="dim">The traffic was not measured while the deployment went on, so there is no timeline.</p>`}
      ${chapters(receipt)}
      <footer>
        <p>Receipt <code>${hash}</code></p>
        <p>
          ${receipt.previous === null ? 'The first of its service.' : html`After <code>${receipt.previous}</code>`}
          Each receipt names the hash of the one before; <code>cutover receipt verify</code> checks that.
        </p>
      </footer>
    </html> `.text;
}

function tiles({ requests, failed, held, retried, latency, ...receipt }: Receipt): Html {
  const tile = (name: string, value: string, style = ''): Html =>
    html`<div class="tile ${style}">${name}<b>${value}</b></div>`;
  const all = [
    tile('requests', count(requests)),
    tile('failed', count(failed), failed === 0 ? 'good' : 'bad'),
    tile('held', count(held)),
    tile('retried', count(retried)),
  ];
  if (receipt.switch) all.push(tile('switched in', duration(receipt.switch.switchMs)));
  if (receipt.switchBack) all.push(tile('switched back in', duration(receipt.switchBack.switchMs), 'bad'));
  if (latency) {
    all.push(tile('p99 before', duration(latency.before.p99Ms)));
    all.push(tile('p99 during', duration(latency.during.p99Ms)));
    all.push(tile('p99 after', duration(latency.after.p99Ms)));
  }
  return html`<div class="tiles">${all}</div>`;
}

function timelineCharts(receipt: Receipt, timeline: Timeline): Html {
  const { from, until } = timeline;
  const marks: Mark[] = (receipt.canary ?? []).map(({ at, to, weight }) => ({
    at,
    text: `${share(weight)} to ${to}`,
    style: 'weigh',
  }));
  if (receipt.switch)
    marks.push({ at: receipt.switch.at, text: `switch to ${receipt.switch.to}`, style: 'switch' });
  if (receipt.switchBack)
    marks.push({ at: receipt.switchBack.at, text: `back to ${receipt.switchBack.to}`, style: 'back' });
  const shown = marks.filter(({ at }) => at >= from && at <= (until.at(-1) ?? from));
  const seconds = until.map((end, index) => Math.max(1, end - (until[index - 1] ?? from)) / 1000);
  const perSecond = (values: readonly (number | null)[]): (number | null)[] =>
    values.map((value, index) => (value === null ? null : value / (seconds[index] ?? 1)));
  const sum = (pick: (colour: Colour) => readonly (number | null)[]): number[] =>
    until.map((_, index) => colours.reduce((all, colour) => all + (pick(colour)[index] ?? 0), 0));
  const common = { from, until, marks: shown };
  return html`<h2>Timeline</h2>
    ${shown.map(({ at, text }) => html`<p class="dim">dashed: ${text}, ${duration(at - from)} after the beginning</p>`)}
    ${chart({
      ...common,
      title: 'requests per second',
      kind: 'bands',
      height: 170,
      series: colours.map((colour) => ({
        name: colour,
        style: colour,
        values: perSecond(timeline[colour].requests),
      })),
      label: (value) => (value < 10 ? String(round(value)) : count(value)),
    })}
    ${chart({
      ...common,
      title: 'latency',
      kind: 'lines',
      height: 150,
      series: colours.flatMap((colour) => [
        { name: `${colour} p99`, style: colour, values: timeline[colour].p99Ms },
        { name: `${colour} p50`, style: `${colour} p50`, values: timeline[colour].p50Ms },
      ]),
      label: duration,
    })}
    ${chart({
      ...common,
      title: 'errors',
      kind: 'bars',
      height: 90,
      series: [
        { name: 'failed', style: 'failed', values: sum((colour) => timeline[colour].failed) },
        { name: 'answered with 5xx', style: 'errors', values: sum((colour) => timeline[colour].errors) },
      ],
      label: (value) => (Number.isInteger(value) ? count(value) : ''),
    })}
    ${stepsChart(receipt, from, until.at(-1) ?? from)}`;
}
