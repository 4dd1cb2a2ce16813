import {
  formatPlaceOfCause,
  isNoise,
  judgeRoute,
  type DiffCause,
  type DiffExample,
  type DiffReport,
  type RouteDiff,
} from '../../core/mirror/diff-report.ts';
import { html, Html } from '../receipt-page/html.ts';
import { style } from '../receipt-page/style.ts';
import { diffRows, diffTitle, sortedCauses, sortedRoutes } from '../render/diff.ts';
import { count, moment } from '../render/words.ts';

const own = new Html(`
details{margin:4px 0 4px 16px}summary{cursor:pointer}.noise{color:var(--dim)}.bad-count{color:var(--red)}.good-count{color:var(--green)}
td.value{font:12px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
`);

/** A report as one HTML page that needs nothing else. All of it is text that was redacted before. */
export function diffPage(report: DiffReport): string {
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${diffTitle(report)}</title>
      <style>
        ${style}${own}
      </style>
      <h1>${diffTitle(report)}</h1>
      <p class="dim">${moment(report.startedAt)}, ${report.id}</p>
      <table>
        ${diffRows(report).map(
          ([name, text]) =>
            html`<tr>
              <th>${name}</th>
              <td>${text}</td>
            </tr>`,
        )}
      </table>
      ${sortedRoutes(report).map((route) => routeSection(report, route))}
    </html> `.text;
}

function routeSection(report: DiffReport, route: RouteDiff): Html {
  const { differing } = judgeRoute(route);
  return html`<h2>${route.route}</h2>
    <p>
      ${count(route.compared)} compared,
      <span class="${differing === 0 ? 'good-count' : 'bad-count'}">${count(differing)} differ</span>
    </p>
    ${sortedCauses(route).map((cause) => causeSection(report, cause))}
    ${route.unlisted === 0 ? '' : html`<p class="dim">${count(route.unlisted)} differ in more ways than are listed.</p>`}`;
}

function causeSection(report: DiffReport, cause: DiffCause): Html {
  const noise = isNoise(cause);
  const note = noise
    ? ` noise: ${report.from} differs from itself in ${cause.explained} of ${cause.controls}`
    : '';
  return html`<details>
    <summary class="${noise ? 'noise' : 'bad-count'}">
      ${formatPlaceOfCause(cause.kind, cause.at)} <b>${count(cause.count)}</b>${note}
    </summary>
    ${cause.examples.map((example) => exampleTable(report, example))}
  </details>`;
}

const exampleTable = ({ from, to }: DiffReport, example: DiffExample): Html =>
  html`<table>
    <tr>
      <th>${moment(example.at)}</th>
      <td class="value">${example.request}</td>
    </tr>
    <tr>
      <th>${from} (${example.status.live})</th>
      <td class="value">${example.live ?? 'nothing'}</td>
    </tr>
    <tr>
      <th>${to} (${example.status.idle ?? 'no answer'})</th>
      <td class="value">${example.idle ?? 'nothing'}</td>
    </tr>
    <tr>
      <th>headers</th>
      <td class="value">
        ${Object.entries(example.headers)
          .map(([name, value]) => `${name}: ${value}`)
          .join(' · ')}
      </td>
    </tr>
    ${
      example.body === null
        ? ''
        : html`<tr>
            <th>body</th>
            <td class="value">${example.body}</td>
          </tr>`
    }
  </table>`;
