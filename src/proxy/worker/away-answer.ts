import type { Mode } from '../../core/mode.ts';
import { type Page } from '../../core/page.ts';
import { fillPage, pageTypes } from '../../core/page-text.ts';
import { type Pages, renderAnswer, requestIdIn } from './pages.ts';

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

/**
 * The whole 503 of a service that is not open; the connection ends with it. A page of its own for 503 stands where the mode names none.
 */
export function awayAnswer(mode: Mode, head: Uint8Array, toHead: boolean, pages: Pages | null): Uint8Array {
  const closed = mode.mode === 'closed';
  const lines = `Retry-After: ${mode.retryAfterS}\r\n`;
  if (pages?.has(503) === true && !(closed && mode.page)) return pages.answer(503, true, head, null, lines);
  const asked = Buffer.from(head).toString('latin1');
  const accept = /\naccept:([^\r\n]*)/i.exec(asked)?.[1]?.toLowerCase();
  const page: Page = mode.page ?? { type: 'html', text: asPage };
  const answer: Page =
    closed && shown(page, accept)
      ? page
      : {
          type: 'text',
          text: closed ? asText : 'The service does not take this request now. Try again in a while.\n',
        };
  return renderAnswer({
    status: 503,
    close: true,
    toHead,
    type: pageTypes[answer.type],
    text: fillPage(answer, 503, requestIdIn(asked)),
    lines,
  });
}
