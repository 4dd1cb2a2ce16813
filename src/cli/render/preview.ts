import type { PreviewWays } from '../../core/preview-ways.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless, padded } from '../terminal/text.ts';
import { moment } from './words.ts';

/** A link that lets a browser in, and until when. */
export interface PreviewLink {
  readonly url: string;
  readonly expiresS: number;
  /** Null: whichever is next. */
  readonly release: number | null;
}

/** What a tester would see now. */
function seen({ next, live }: PreviewWays): string {
  if (next.release === null)
    return `nothing is on ${next.colour}; release ${live.release ?? '–'} is live on ${live.colour}`;
  if (next.kept)
    return `${next.colour} holds release ${next.release}, which was live before and is kept for the way back`;
  return `release ${next.release} on ${next.colour}, which is next`;
}

/** Every way to the next release, one to a line. */
export function previewLines(ways: PreviewWays, link: PreviewLink | null, paint: Paint): string[] {
  const { service, address, host, header, door, live } = ways;
  const rows: [string, string][] = [['live', live.url]];
  if (address !== null) rows.push(['address', address]);
  if (host !== null) rows.push(['host', host]);
  if (header !== null) rows.push(['header', `curl -H '${header}: SECRET' ${live.url}`]);
  if (link !== null) {
    const of = link.release === null ? 'the next release' : `release ${link.release}`;
    rows.push(['link', link.url], ['', `opens ${of} in a browser until ${moment(link.expiresS * 1000)}`]);
    if (door !== null) rows.push(['leave', `${door}?off`]);
  } else if (door !== null) rows.push(['link', `cutover preview ${service} --cookie`]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const none =
    address === null && host === null && header === null && door === null
      ? [
          `  ${paint.yellow('no way is open:')} add router.preview: 127.0.0.1:8081 to the spec, or see docs/preview.md`,
        ]
      : [];
  return [
    `${paint.bold(service)}: ${seen(ways)}`,
    ...rows.map(([name, text]) => `  ${paint.dim(padded(name, width))}  ${harmless(text)}`),
    ...none,
  ];
}
