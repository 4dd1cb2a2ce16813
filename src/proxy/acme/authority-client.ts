import type { AxiosAdapter, AxiosResponse } from 'axios';

const longestAnswerBytes = 1024 * 1024;
const timeoutMs = 30_000;

/** What went wrong last in the talk with an authority. */
export interface Trouble {
  readonly text: string;
  readonly retryAfterMs: number | null;
}

/** `Retry-After` (RFC 9110 §10.2.3) in milliseconds from now; null if it says nothing that can be read. */
export function retryAfterMs(value: string | null, now: number): number | null {
  if (value === null) return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

function problemOf(body: string): string {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return body.slice(0, 200).replaceAll(/[^\x20-\x7e]+/g, ' ');
  }
  if (typeof json !== 'object' || json === null) return '';
  const field = (name: string): string => {
    const value: unknown = Object.entries(json).find(([key]) => key === name)?.[1];
    return typeof value === 'string' ? value : '';
  };
  return `${field('type').replace('urn:ietf:params:acme:error:', '')}: ${field('detail')}`.slice(0, 1000);
}

/**
 * Carries the requests of the protocol's library. Every answer is given to the library as it is, which knows what to do with each
 * status; nothing is tried again here, since an authority counts, and the keeper decides when to come back.
 */
export class AuthorityClient {
  /** Null after an answer that was no error. */
  trouble: Trouble | null = null;

  /** @param ca certificates in PEM that the authority's server is trusted by; null: those of the system */
  constructor(private readonly ca: string | null) {}

  readonly adapter: AxiosAdapter = async (config): Promise<AxiosResponse> => {
    const url = config.url ?? '';
    // A directory may name any address; a nonce or an order that goes over plain HTTP could be changed on the way.
    if (!url.startsWith('https://')) throw new Error(`expected an https:// address, found ${url}`);
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        method: (config.method ?? 'get').toUpperCase(),
        headers: Object.entries(config.headers.toJSON()).flatMap(([name, value]): [string, string][] =>
          value === null || value === undefined ? [] : [[name, String(value)]],
        ),
        ...(typeof config.data === 'string' ? { body: config.data } : {}),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
        ...(this.ca === null ? {} : { tls: { ca: this.ca } }),
      });
      text = await bounded(response);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      this.trouble = { text: `${new URL(url).host} cannot be asked: ${why}`, retryAfterMs: null };
      throw new Error(this.trouble.text, { cause });
    }
    const { status } = response;
    this.trouble =
      status < 400
        ? null
        : {
            text: `${new URL(url).host} answered ${status}, ${problemOf(text)}`,
            retryAfterMs: retryAfterMs(response.headers.get('retry-after'), Date.now()),
          };
    return {
      data: text,
      status,
      statusText: response.statusText,
      headers: Object.fromEntries(response.headers.entries()),
      config,
    };
  };
}

async function bounded(response: Response): Promise<string> {
  if (response.body === null) return '';
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body as AsyncIterable<unknown>) {
    if (!(part instanceof Uint8Array)) throw new Error('expected bytes, found something else');
    length += part.length;
    if (length > longestAnswerBytes)
      throw new Error(`expected an answer of at most ${longestAnswerBytes} bytes, found a longer one`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
