import type { Mode } from '../../core/mode.ts';

const asText = 'The service is closed for maintenance. Try again in a while.\n';
const asPage =
  '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Closed for maintenance</title>' +
  '<body style="font-family:system-ui;margin:20vh auto;max-width:30em;padding:1em"><h1>Closed for maintenance</h1><p>Try again in a while.</p></body></html>\n';

/** The whole 503 of a service that is not open, as a page to who accepts one (RFC 9110 §12.5.1), else as text; the connection ends with it. */
export function awayAnswer(mode: Mode, head: Uint8Array, toHead: boolean): Uint8Array {
  const closed = mode.mode === 'closed';
  const html = closed && /\naccept:[^\r\n]*text\/html/i.test(Buffer.from(head).toString('latin1'));
  const text = html
    ? (mode.page ?? asPage)
    : closed
      ? asText
      : 'The service does not take this request now. Try again in a while.\n';
  const body = Buffer.from(text, 'utf8');
  const lines = [
    'HTTP/1.1 503 Service Unavailable',
    `Content-Type: ${html ? 'text/html' : 'text/plain'}; charset=utf-8`,
    `Content-Length: ${body.length}`,
    `Retry-After: ${mode.retryAfterS}`,
    'Cache-Control: no-store',
    'Connection: close',
    '',
    '',
  ].join('\r\n');
  return toHead ? Buffer.from(lines, 'latin1') : Buffer.concat([Buffer.from(lines, 'latin1'), body]);
}
