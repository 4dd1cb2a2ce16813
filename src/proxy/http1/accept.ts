/** How much a range of `Accept` wants what it names (RFC 9110 §12.4.2): 0 to 1; malformed counts as not at all. */
function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const at = parameter.indexOf('=');
    if (at === -1 || parameter.slice(0, at).trim().toLowerCase() !== 'q') continue;
    const weight = parameter.slice(at + 1).trim();
    return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight) ? Number(weight) : 0;
  }
  return 1;
}

const isJson = (type: string): boolean =>
  type === 'application/json' || /^application\/[^/]+\+json$/.test(type);
const isPage = (type: string): boolean =>
  type === 'text/html' || type === 'application/xhtml+xml' || type === 'text/*';

/**
 * Whether a client would rather have JSON than a page (RFC 9110 §12.5.1): it names JSON, and pages less. Anything at all, as with no
 * `Accept`, is no wish for JSON.
 *
 * @param head of a request that was read: its lines as latin-1 text
 */
export function prefersJson(head: string): boolean {
  let json = 0;
  let page = 0;
  for (const [, value = ''] of head.matchAll(/\naccept:([^\r\n]*)/gi))
    for (const range of value.split(',')) {
      const [type = '', ...parameters] = range.split(';');
      const name = type.trim().toLowerCase();
      if (isJson(name)) json = Math.max(json, weightOf(parameters));
      else if (isPage(name)) page = Math.max(page, weightOf(parameters));
    }
  return json > page;
}

/** Whether a client names pages of HTML: a browser does, a program mostly not. */
export const prefersPage = (head: string): boolean =>
  /\naccept:[^\r\n]*\b(?:text\/html|application\/xhtml\+xml)\b/i.test(head);
