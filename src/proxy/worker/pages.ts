import { type Page } from '../../core/page.ts';
import { fillPage, pageFor, pageTypes } from '../../core/page-text.ts';
import { prefersJson } from '../http1/accept.ts';
import { isRequestId } from '../http1/trace-fields.ts';
import { ascii } from '../http1/octets.ts';
import { reasonOf } from './answer.ts';

/** One answer of the proxy's own. */
export interface OwnAnswer {
  readonly status: number;
  /** It says that the connection ends. */
  readonly close: boolean;
  /** It goes without its body: the request was HEAD (RFC 9110 §9.3.2). */
  readonly toHead: boolean;
  readonly type: string;
  readonly text: string;
  /** More lines of the head, each with its line end. */
  readonly lines?: string;
}

/** The bytes of an answer that no cache keeps. */
export function renderAnswer({ status, close, toHead, type, text, lines = '' }: OwnAnswer): Uint8Array {
  const body = Buffer.from(text, 'utf8');
  const head = Buffer.from(
    `HTTP/1.1 ${status} ${reasonOf(status)}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n` +
      `${lines}Cache-Control: no-store\r\n${close ? 'Connection: close\r\n' : ''}\r\n`,
    'latin1',
  );
  return toHead ? head : Buffer.concat([head, body]);
}

/** The id that the client gave its request, if it is one that is passed on; null if there is none. */
export function requestIdIn(head: string): string | null {
  for (const [, value = ''] of head.matchAll(/\nx-request-id:([^\r\n]*)/gi)) {
    const id = value.trim();
    const bytes = ascii(id);
    if (isRequestId(bytes, 0, bytes.length)) return id;
  }
  return null;
}

/** What a service answers with where the proxy itself has to: pages of its own, and JSON for those that would rather have it. */
export class Pages {
  /** @param pages by status or class of them */
  constructor(private readonly pages: Readonly<Record<string, Page>>) {}

  /** Whether there is a page for this status. */
  has(status: number): boolean {
    return pageFor(this.pages, status) !== undefined;
  }

  /**
   * The whole answer.
   *
   * @param asked the head of the request; null if it could not be read
   * @param madeId the id that the proxy made for the request; null if it makes none
   * @param lines more of the head, each with its line end
   */
  answer(
    status: number,
    close: boolean,
    asked: Uint8Array | null,
    madeId: string | null,
    lines = '',
  ): Uint8Array {
    const head = asked === null ? '' : Buffer.from(asked).toString('latin1');
    const toHead = head.startsWith('HEAD ');
    const requestId = requestIdIn(head) ?? madeId;
    const page = pageFor(this.pages, status);
    if (page?.type !== 'json' && prefersJson(head)) {
      const problem = {
        type: 'about:blank',
        title: reasonOf(status),
        status,
        ...(requestId !== null && { requestId }),
      };
      return renderAnswer({
        status,
        close,
        toHead,
        type: 'application/problem+json',
        text: JSON.stringify(problem),
        lines,
      });
    }
    return renderAnswer({
      status,
      close,
      toHead,
      type: page === undefined ? pageTypes.text : pageTypes[page.type],
      text: page === undefined ? `${status} ${reasonOf(status)}\n` : fillPage(page, status, requestId),
      lines,
    });
  }
}
