import type { Cuts } from './field.ts';
import { ascii, copy } from './octets.ts';
import type { RequestHead } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';

const text = {
  root: ascii('/'),
  asterisk: ascii('*'),
  version: ascii(' HTTP/1.1\r\n'),
  host: ascii('Host: '),
  line: ascii('\r\n'),
  upgrade: ascii('Connection: upgrade\r\n'),
  trailers: ascii('TE: trailers\r\nConnection: te\r\n'),
  upgradeTrailers: ascii('TE: trailers\r\nConnection: upgrade, te\r\n'),
  close: ascii('Connection: close\r\n\r\n'),
  keepAlive: ascii('Connection: keep-alive\r\n\r\n'),
};
const none = new Uint8Array(0);
/** What a rewritten head may be longer than the one that came, apart from the lines that are added. */
export const headGrowth = 512;

function copyUncut(
  bytes: Uint8Array,
  from: number,
  to: number,
  cuts: Cuts,
  target: Uint8Array,
  at: number,
): number {
  for (let cut = 0; cut < cuts.count; cut++) {
    at = copy(bytes, from, cuts.from(cut), target, at);
    from = cuts.to(cut);
  }
  return copy(bytes, from, to, target, at);
}

/**
 * Writes the head that goes to an instance into `target` at 0 and returns its length: in HTTP/1.1, without what belonged to the
 * client's connection, with `more` and `lines` (which end the head) in place of what the client said of itself. `host` is sent
 * if the client named none. `target` must have room for the head, `more`, `lines` and `headGrowth`.
 */
export function writeRequestHead(
  bytes: Uint8Array,
  head: RequestHead,
  lines: Uint8Array,
  host: Uint8Array,
  target: Uint8Array,
  more: Uint8Array = none,
): number {
  let at = 0;
  if (head.minor === 1 && head.targetFrom === head.methodEnd + 1) {
    at = copyUncut(bytes, head.start, head.end - 2, head.cuts, target, at);
  } else {
    at = copy(bytes, head.start, head.methodEnd + 1, target, at);
    // What is left of a target whose path was its prefix.
    if (bytes[head.targetFrom] === 63) at = copy(text.root, 0, 1, target, at);
    if (head.targetFrom < head.targetTo) at = copy(bytes, head.targetFrom, head.targetTo, target, at);
    // An http URI without a path asks for the root, or for the server as a whole (RFC 9112 §3.2.4);
    // one of which we cut the path asks for the root.
    else at = copy(head.method === 3 && more.length === 0 ? text.asterisk : text.root, 0, 1, target, at);
    at = copy(text.version, 0, text.version.length, target, at);
    at = copyUncut(bytes, head.fieldsFrom, head.end - 2, head.cuts, target, at);
  }
  if (head.hostTo === 0 || head.hostInTarget) {
    at = copy(text.host, 0, text.host.length, target, at);
    at =
      head.hostTo === 0
        ? copy(host, 0, host.length, target, at)
        : copy(bytes, head.hostFrom, head.hostTo, target, at);
    at = copy(text.line, 0, 2, target, at);
  }
  if (head.upgrade) {
    at = copy(bytes, head.upgradeFrom, head.upgradeTo, target, at);
    const option = head.acceptsTrailers ? text.upgradeTrailers : text.upgrade;
    at = copy(option, 0, option.length, target, at);
  } else if (head.acceptsTrailers) {
    at = copy(text.trailers, 0, text.trailers.length, target, at);
  }
  at = copy(more, 0, more.length, target, at);
  return copy(lines, 0, lines.length, target, at);
}

/** What is said to the client about its connection. `silent`: nothing, which in HTTP/1.1 means that it stays. */
export const Persistence = { silent: 0, close: 1, keepAlive: 2 } as const;
export type Persistence = (typeof Persistence)[keyof typeof Persistence];

/** Writes the head that goes to the client into `target` at 0 and returns its length; see `writeRequestHead`. `lines` and `more` are added: whole fields, each with its line end. */
export function writeResponseHead(
  bytes: Uint8Array,
  head: ResponseHead,
  persistence: Persistence,
  target: Uint8Array,
  lines: Uint8Array | null = null,
  more: Uint8Array | null = null,
): number {
  let at = copyUncut(bytes, head.start, head.end - 2, head.cuts, target, 0);
  // Our version, not the origin's (RFC 9110 §2.5): with 1.0 a client would take the connection for closing.
  target[7] = 49;
  if (lines !== null) at = copy(lines, 0, lines.length, target, at);
  if (more !== null) at = copy(more, 0, more.length, target, at);
  const end =
    persistence === Persistence.close
      ? text.close
      : persistence === Persistence.keepAlive
        ? text.keepAlive
        : text.line;
  at = copy(end, 0, end.length, target, at);
  return at;
}

/** The head at `bytes[from, to)` with one more line, which has its line end. */
export function withLine(bytes: Uint8Array, from: number, to: number, line: Uint8Array): Uint8Array {
  const head = new Uint8Array(to - from + line.length);
  let at = copy(bytes, from, to - 2, head, 0);
  at = copy(line, 0, line.length, head, at);
  copy(text.line, 0, 2, head, at);
  return head;
}
