import { colours, type Colour } from '../../core/colour.ts';
import { formatCause } from '../../core/mirror/diff-report.ts';
import type { Receipt, SideReceipt } from '../../core/receipt.ts';
import { diffSummaryWords } from '../render/diff.ts';
import { aroundRows } from '../render/receipt.ts';
import { count, duration, moment, share } from '../render/words.ts';
import { html, type Html } from './html.ts';
import { table, type Cell } from './table.ts';

/** What the page says in tables, each with its heading; those of which the receipt has nothing are not there. */
export const chapters = (receipt: Receipt): Html[] => [
  ...canary(receipt),
  ...gates(receipt),
  ...mirrored(receipt),
  html`<h2>Traffic by environment</h2>
    ${environments(receipt)}`,
  ...(receipt.analysis ?? []).map(analysis),
  ...hooks(receipt),
  ...around(receipt),
  ...notMeasured(receipt),
];

const sum = ({ blue, green }: { blue: number; green: number }): number => blue + green;

function canary({ canary: parts }: Receipt): Html[] {
  if (parts === undefined) return [];
  const rows = parts.map(({ to, weight, at, ms, requests, failed }): Cell[] => {
    const got = requests === null ? null : sum(requests);
    return [
      moment(at),
      { text: to, style: to },
      share(weight),
      duration(ms),
      requests === null ? 'not counted' : `${count(requests[to])} of ${count(sum(requests))}`,
      requests === null || got === null || got === 0 ? '–' : share((100 * requests[to]) / got),
      failed === null
        ? '–'
        : { text: `${count(failed[to])} of ${count(sum(failed))}`, style: sum(failed) === 0 ? '' : 'bad' },
    ];
  });
  return [
    html`<h2>Canary: how the traffic was divided</h2>
      ${table(['from', 'environment', { n: 'part' }, { n: 'for' }, { n: 'requests' }, { n: 'got' }, { n: 'failed' }], rows)}`,
  ];
}

function gates({ gates: all = [], interventions = [] }: Receipt): Html[] {
  const parts: Html[] = [];
  const good = ['done', 'undone', 'pending'];
  if (all.length > 0)
    parts.push(
      html`<h2>Gates</h2>
        ${table(
          ['gate', 'before', 'what came of it', { n: 'waited' }, 'who'],
          all.map(({ name, before, status, says, waitedMs, said }): Cell[] => [
            name,
            before,
            { text: says ?? status, style: good.includes(status) ? '' : 'bad' },
            duration(waitedMs),
            said
              .map(
                ({ kind, by, at, reason }) =>
                  `${kind} by ${by}, ${moment(at)}${reason === null ? '' : `: ${reason}`}`,
              )
              .join('; '),
          ]),
        )}`,
    );
  if (interventions.length > 0)
    parts.push(
      html`<h2>Ordered by people meanwhile</h2>
        ${table(
          ['when', 'what', 'who'],
          interventions.map(({ kind, by, at, force }) => [
            moment(at),
            force ? `${kind}, gates too` : kind,
            by,
          ]),
        )}`,
    );
  return parts;
}

function mirrored({ mirror }: Receipt): Html[] {
  if (mirror === undefined) return [];
  return [
    html`<h2>Mirrored before the switch</h2>
      <p>${diffSummaryWords(mirror)}</p>
      <ul>
        ${mirror.causes.map((cause) => html`<li>${formatCause(cause)}</li>`)}
      </ul>`,
  ];
}

const analysis = ({ step, colour, measures }: NonNullable<Receipt['analysis']>[number]): Html =>
  html`<h2>Analysis: ${step} of ${colour}</h2>
    ${table(
      ['measure', 'judgement', 'what was found'],
      measures.map(({ name, judgement, says }) => [
        name,
        { text: judgement, style: judgement === 'bad' ? 'bad' : '' },
        says,
      ]),
    )}`;

function hooks({ hooks: all }: Receipt): Html[] {
  if (all === undefined) return [];
  return [
    html`<h2>Hooks</h2>
      ${table(
        ['stage', 'hook', 'what came of it', { n: 'took' }],
        all.map(({ when, stage, name, ok, detail, ms }) => [
          `${when} ${stage}`,
          name,
          { text: detail, style: ok ? '' : 'bad' },
          duration(ms),
        ]),
      )}`,
  ];
}

const classes = ['1xx', '2xx', '3xx', '4xx', '5xx'];

function failedWords(side: SideReceipt): string {
  const causes = Object.entries(side.failed).filter(([, n]) => n > 0);
  return causes.length === 0 ? '0' : causes.map(([cause, n]) => `${cause} ${count(n)}`).join(', ');
}

function environments({ environments: sides }: Receipt): Html {
  const row = (colour: Colour): Cell[] => {
    const side = sides[colour];
    return [
      { text: colour, style: colour },
      side.release === null ? '–' : String(side.release),
      count(side.requests),
      ...classes.map((each) => count(side.status[each] ?? 0)),
      failedWords(side),
      count(side.held),
      count(side.retried),
      count(side.writes),
      count(side.previews ?? 0),
    ];
  };
  return table(
    [
      'environment',
      'release',
      ...['requests', ...classes, 'failed', 'held', 'retried', 'writes', 'of testers'].map((n) => ({ n })),
    ],
    colours.map(row),
  );
}

function around(receipt: Receipt): Html[] {
  const rows = aroundRows(receipt);
  if (rows.length === 0) return [];
  return [
    html`<h2>The switch, and around it</h2>
      ${table(['what', 'how it went'], rows)}`,
  ];
}

function notMeasured({ gaps }: Receipt): Html[] {
  if (gaps.length === 0) return [];
  return [
    html`<h2>Not measured</h2>
      <ul>
        ${gaps.map((gap) => html`<li>${gap}</li>`)}
      </ul>`,
  ];
}
