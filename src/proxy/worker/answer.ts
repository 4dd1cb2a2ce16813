import { ascii } from '../http1/octets.ts';

/** Statuses that the proxy answers with on its own account. */
const reasons = {
  400: 'Bad Request',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
} as const;
export type AnswerStatus = keyof typeof reasons;

export const isAnswerStatus = (status: number): status is AnswerStatus => status in reasons;

/** The reason phrase of a status that the proxy answers with (RFC 9112 §4); empty for any other. */
export const reasonOf = (status: number): string => (isAnswerStatus(status) ? reasons[status] : '');

const render = (status: AnswerStatus, close: boolean, body: boolean): Uint8Array => {
  const text = `${status} ${reasons[status]}\n`;
  return ascii(
    `HTTP/1.1 ${status} ${reasons[status]}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${text.length}\r\n` +
      `Cache-Control: no-store\r\n${close ? 'Connection: close\r\n' : ''}\r\n${body ? text : ''}`,
  );
};
const rendered = new Map<string, Uint8Array>();

/** The whole answer, made once. `close`: it says that the connection ends. `body` is false for HEAD. */
export function answer(status: AnswerStatus, close: boolean, body: boolean): Uint8Array {
  const key = `${status}${close}${body}`;
  let bytes = rendered.get(key);
  if (bytes === undefined) rendered.set(key, (bytes = render(status, close, body)));
  return bytes;
}
