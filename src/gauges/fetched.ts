import { readFile } from 'node:fs/promises';

const bodyLimitBytes = 1_048_576;
const tokenLimitBytes = 16_384;

/** What an HTTP server answered: status and body, or in one line why there is no whole answer. */
export type Fetched = { readonly status: number; readonly body: string } | { readonly away: string };

export interface Asked {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Fields of a form, which is posted; absent: GET. */
  readonly form?: Readonly<Record<string, string>>;
  /** A file with a bearer token (RFC 6750 §2.1), read each time, so that it may be renewed. */
  readonly tokenFile: string | null;
  readonly timeoutMs: number;
}

/** Without query and fragment, where a secret may stand. */
const shown = (url: string): string => url.replace(/[?#].*$/s, '');

/** What is read from elsewhere, in one line that is fit for a terminal. */
export const oneLine = (text: string): string =>
  text
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, 200);

/** Asks once; redirects are not followed, since the token is for the server that was named. Never rejects. */
export async function fetched(asked: Asked, signal: AbortSignal): Promise<Fetched> {
  const where = shown(asked.url);
  const over = AbortSignal.any([signal, AbortSignal.timeout(asked.timeoutMs)]);
  try {
    const headers = new Headers(asked.headers);
    if (asked.tokenFile !== null) {
      const token = await tokenOf(asked.tokenFile);
      if (typeof token !== 'string') return token;
      headers.set('Authorization', `Bearer ${token}`);
    }
    const response = await fetch(asked.url, {
      headers,
      redirect: 'manual',
      signal: over,
      ...(asked.form ? { method: 'POST', body: new URLSearchParams(asked.form) } : {}),
    });
    const body = await bodyOf(response, over);
    if (body === null) return { away: `${where}: expected at most ${bodyLimitBytes} bytes, found more` };
    return { status: response.status, body };
  } catch (error) {
    if (signal.aborted) return { away: `${where}: not asked any more` };
    if (over.aborted) return { away: `${where}: no whole answer within ${asked.timeoutMs}ms` };
    return { away: `${where}: ${oneLine(error instanceof Error ? error.message : String(error))}` };
  }
}

/** The token in a file; its content is in no message. */
async function tokenOf(path: string): Promise<string | { readonly away: string }> {
  try {
    const token = (await readFile(path, 'utf8')).trim();
    if (/^[\x21-\x7e]+$/.test(token) && token.length <= tokenLimitBytes) return token;
    return { away: `expected a token of printable characters in ${path}, found something else` };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown why';
    return { away: `expected a token in ${path}, found that it cannot be read (${code})` };
  }
}

/** What is used of a stream's reader. */
interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** Null if it is too long. */
async function bodyOf(response: Response, signal: AbortSignal): Promise<string | null> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader: BodyReader = response.body.getReader();
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      if (done || value === undefined) return Buffer.concat(chunks).toString('utf8');
      bytes += value.length;
      if (bytes > bodyLimitBytes) return null;
      chunks.push(value);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
