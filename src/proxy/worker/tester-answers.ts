import type { RouteTesters } from '../../core/testers.ts';
import { ascii } from '../http1/octets.ts';
import { prefersPage } from '../http1/accept.ts';

const reasons: Readonly<Record<number, string>> = {
  303: 'See Other',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
};

/** An answer of the proxy's own to a tester, which no cache keeps and whose connection ends. */
function render(status: number, type: string, text: string, lines: string, toHead: boolean): Uint8Array {
  const body = Buffer.from(text, 'utf8');
  const head = ascii(
    `HTTP/1.1 ${status} ${reasons[status]}\r\nContent-Type: ${type}; charset=utf-8\r\nContent-Length: ${body.length}\r\n${lines}` +
      'Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n',
  );
  return toHead ? head : Buffer.concat([head, body]);
}

/** What is known of a request at the door. */
interface AtDoor {
  readonly rules: RouteTesters;
  readonly toHead: boolean;
  readonly leaves: boolean;
  /** One that opens; null: there is none. */
  readonly token: string | null;
  readonly secondsLeft: number;
  readonly why: string;
}

/**
 * In with a token: a cookie that scripts cannot read, for as long as the token lasts, and on to the service. Out with `off`. What the
 * browser has stored of the other side is forgotten either way (Clear-Site-Data, over TLS only).
 */
export function doorAnswer({ rules, toHead, leaves, token, secondsLeft, why }: AtDoor): {
  readonly bytes: Uint8Array;
  readonly status: number;
} {
  const { cookie } = rules;
  if (cookie === null || (!leaves && token === null))
    return {
      status: 403,
      bytes: render(
        403,
        'text/plain',
        `This link opens no preview: expected a valid token, found ${why}.\nMake a new link: cutover preview --cookie\n`,
        '',
        toHead,
      ),
    };
  const value = leaves || token === null ? '; Max-Age=0' : `${token}; Max-Age=${secondsLeft}`;
  const lines = [
    `Location: ${cookie.home}`,
    `Set-Cookie: ${cookie.name}=${value}; Path=/; HttpOnly; SameSite=Lax${cookie.secure ? '; Secure' : ''}`,
    ...(cookie.secure ? ['Clear-Site-Data: "cache"'] : []),
  ];
  return {
    status: 303,
    bytes: render(303, 'text/plain', '', lines.map((line) => `${line}\r\n`).join(''), toHead),
  };
}

/** To a request that has the header with another value: to be served as a user's would look like a test that has passed. */
export const wrongSecretAnswer = (toHead: boolean): Uint8Array =>
  render(
    403,
    'text/plain',
    'The preview header has another value than router.previewHeader.secret: nothing was sent on.\n',
    '',
    toHead,
  );

/** To a tester for whom there is nothing to see. */
export function noPreviewAnswer(what: {
  /** The head of the request. */
  readonly asked: Uint8Array;
  readonly toHead: boolean;
  /** The one that was asked for; null: the next one. */
  readonly release: number | null;
  readonly live: number | null;
  /** Where the cookie is given back; null: there is none. */
  readonly way: string | null;
}): Uint8Array {
  const { release, live, way } = what;
  const found =
    release === null
      ? 'No next release is ready: there is nothing to preview.'
      : `Release ${release} is not there to preview.`;
  const now = live === null ? '' : ` Release ${live} is live.`;
  const text = `${found}${now}`;
  const lines = 'Retry-After: 5\r\n';
  if (!prefersPage(Buffer.from(what.asked).toString('latin1')))
    return render(503, 'text/plain', `${text}\n`, lines, what.toHead);
  const leave = way === null ? '' : `<p><a href="${way}?off">Leave the preview</a></p>`;
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Nothing to preview</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}</style><h1>Nothing to preview</h1><p>${text}</p>${leave}</html>\n`;
  return render(503, 'text/html', page, lines, what.toHead);
}
