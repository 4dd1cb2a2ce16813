import type { Mode } from '../../core/mode.ts';
import { type Page, pageTypes } from '../../core/page.ts';

const asText = 'The service is closed for maintenance. Try again in a while.\n';
const asPage =
  '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Closed for maintenance</title>' +
  '<body style="font-family:system-ui;margin:20vh auto;max-width:30em;padding:1em"><h1>Closed for maintenance</h1><p>Try again in a while.</p></body></html>\n';

/** What a service that is closed shows, to whom: HTML to who names it, other types to who would take them (RFC 9110 §12.5.1). */
function shown(page: Page, accept: string | undefined): boolean {
  if (page.type === 'html') return accept !== undefined && /text\/(?:html|\*)/i.test(accept);
  const [type = '', subtype = ''] = (pageTypes[page.type].split(';')[0] ?? '').split('/');
  return (
    accept === undefined ||
    accept.includes('*/*') ||
    accept.includes(`${type}/*`) ||
    accept.includes(`${type}/${subtype}`)
  );
}

/** The whole 503 of a service that is not open; the connection ends with it. */
export function awayAnswer(mode: Mode, head: Uint8Array, toHead: boolean): Uint8Array {
  const closed = mode.mode === 'closed';
  const accept = /\naccept:([^\r\n]*)/i.exec(Buffer.from(head).toString('latin1'))?.[1]?.toLowerCase();
  const page: Page = mode.page ?? { type: 'html', text: asPage };
  const answer: Page =
    closed && shown(page, accept)
      ? page
      : {
          type: 'text',
          text: closed ? asText : 'The service does not take this request now. Try again in a while.\n',
        };
  const body = Buffer.from(answer.text, 'utf8');
  const lines = [
    'HTTP/1.1 503 Service Unavailable',
    `Content-Type: ${pageTypes[answer.type]}`,
    `Content-Length: ${body.length}`,
    `Retry-After: ${mode.retryAfterS}`,
    'Cache-Control: no-store',
    'Connection: close',
    '',
    '',
  ].join('\r\n');
  return toHead ? Buffer.from(lines, 'latin1') : Buffer.concat([Buffer.from(lines, 'latin1'), body]);
}
