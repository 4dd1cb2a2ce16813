import { createHash, timingSafeEqual } from 'node:crypto';
import { type Colour, other } from '../../core/colour.ts';
import { longestToken } from '../../core/tester-pass.ts';
import type { RouteTesters } from '../../core/testers.ts';
import type { Route } from '../../core/traffic.ts';
import { type Span, nextCookie, nextValue } from '../http1/header-value.ts';
import { ascii } from '../http1/octets.ts';
import { eachLine, Method, type RequestHead } from '../http1/request-head.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import { readToken } from '../preview/token.ts';
import type { ClientConnection } from './client-connection.ts';
import { doorAnswer, noPreviewAnswer, wrongSecretAnswer } from './tester-answers.ts';
import type { Target } from './entry.ts';

const cookieField = ascii('cookie');
const QUESTION = 63;
const ASTERISK = 42;
const noLines = new Uint8Array(0);
/** What caches go by (RFC 9111 §5.2, RFC 9213), in lower case. */
const cacheFields = ['cache-control', 'cdn-cache-control', 'surrogate-control', 'expires', 'pragma'].map(
  ascii,
);

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** What a service's testers get through with; the same for all its paths. */
export class TesterDoor {
  private readonly headerName: Uint8Array | null;
  /** Of the secret: equally long, however long that is, and compared in constant time. Null: nothing opens. */
  private readonly secretHash: Buffer | null;
  private readonly cookieName: Uint8Array | null;
  private readonly door: Uint8Array | null;
  private readonly value: Span = { from: 0, to: 0 };
  private readonly pair: Span = { from: 0, to: 0 };

  constructor(
    readonly service: string,
    readonly rules: RouteTesters,
    secret: string | undefined,
    private readonly keys: readonly string[],
    /** Milliseconds since 1970. */
    private readonly wallNow: () => number,
  ) {
    const { header, cookie } = rules;
    this.headerName = header === null ? null : ascii(header.name.toLowerCase());
    this.secretHash = secret === undefined ? null : sha256(ascii(secret));
    this.cookieName = cookie === null ? null : ascii(cookie.name);
    this.door = cookie === null ? null : ascii(cookie.door);
  }

  /** Of the path and the question mark behind it. */
  get doorLength(): number {
    return (this.door?.length ?? 0) + 1;
  }

  /** Whether the request is for the proxy's own path. */
  isAtDoor(bytes: Uint8Array, { targetFrom, targetTo }: RequestHead): boolean {
    const { door } = this;
    if (door === null) return false;
    const end = targetFrom + door.length;
    if (end > targetTo || (end < targetTo && bytes[end] !== QUESTION)) return false;
    for (let i = 0; i < door.length; i++) if (bytes[targetFrom + i] !== door[i]) return false;
    return true;
  }

  /** The answer at the door: in with a token, out with `off`. */
  answerAtDoor(
    bytes: Uint8Array,
    head: RequestHead,
  ): { readonly bytes: Uint8Array; readonly status: number } {
    const query = Buffer.from(bytes.subarray(head.targetFrom, head.targetTo)).toString('latin1');
    const parameters = new URLSearchParams(query.slice(query.indexOf('?') + 1 || query.length));
    const token = parameters.get('token');
    const read = token === null ? null : readToken(this.keys, this.service, token, this.wallNow());
    const now = Math.floor(this.wallNow() / 1000);
    return doorAnswer({
      rules: this.rules,
      toHead: head.method === Method.head,
      leaves: parameters.has('off'),
      token: token === null || read === null || read.expired ? null : token,
      secondsLeft: read === null ? 0 : read.pass.expiresS - now,
      why:
        token === null
          ? 'no token'
          : read === null
            ? 'not a token of this service'
            : 'a token that has expired',
    });
  }

  /** `release`: whom the request wants to see; null: the next one; undefined: it is no tester's. `wrong`: it has the header with another value. */
  ask(bytes: Uint8Array, head: RequestHead): number | null | undefined | 'wrong' {
    const { headerName, cookieName, value, pair } = this;
    if (headerName !== null && nextValue(bytes, headerName, head.fieldsFrom, head.end, value) !== -1) {
      const given = sha256(bytes.subarray(value.from, value.to));
      return this.secretHash !== null && timingSafeEqual(given, this.secretHash) ? null : 'wrong';
    }
    if (cookieName === null) return undefined;
    for (let next = head.fieldsFrom; ;) {
      next = nextValue(bytes, cookieField, next, head.end, value);
      if (next === -1) return undefined;
      for (let at = value.from; ;) {
        at = nextCookie(bytes, cookieName, at, value.to, pair);
        if (at === -1) break;
        if (pair.to - pair.from > longestToken) continue;
        const token = Buffer.from(bytes.subarray(pair.from, pair.to)).toString('latin1');
        const read = readToken(this.keys, this.service, token, this.wallNow());
        // One that is not taken any more is as good as none: its browser is a user's.
        if (read !== null && !read.expired) return read.pass.release;
      }
    }
  }

  /**
   * Cuts what opened the preview out of a request head: an instance has no business with it, and might write it to its log.
   *
   * @returns the lines to send instead: cookies without ours
   */
  conceal(bytes: Uint8Array, head: RequestHead): Uint8Array {
    const { headerName, cookieName } = this;
    const cookies = cookieName === null ? '' : `${Buffer.from(cookieName).toString('latin1')}=`;
    let kept = '';
    eachLine(bytes, head.fieldsFrom, head.end, (line, nameTo, next) => {
      if (headerName !== null && sameName(bytes, line, nameTo, headerName)) head.cuts.insert(line, next);
      if (cookies === '' || !sameName(bytes, line, nameTo, cookieField) || head.cuts.has(line)) return;
      const pairs = Buffer.from(bytes.subarray(nameTo + 1, next - 2))
        .toString('latin1')
        .split(';')
        .map((text) => text.trim());
      const others = pairs.filter((text) => !text.startsWith(cookies));
      if (others.length === pairs.length) return;
      head.cuts.insert(line, next);
      if (others.length > 0) kept += `Cookie: ${others.join('; ')}\r\n`;
    });
    return kept === '' ? noLines : ascii(kept);
  }
}

/** Whether the name at `bytes[from, to)` is `name` (lower case). */
function sameName(bytes: Uint8Array, from: number, to: number, name: Uint8Array): boolean {
  if (to - from !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    const octet = bytes[from + i]!;
    if ((octet >= 65 && octet <= 90 ? octet + 32 : octet) !== name[i]) return false;
  }
  return true;
}

/** Cuts what an instance says to caches: an answer for a tester is for nobody else. */
export function cutCacheFields(bytes: Uint8Array, head: ResponseHead): void {
  eachLine(bytes, head.fieldsFrom, head.end, (line, nameTo, next) => {
    if (cacheFields.some((name) => sameName(bytes, line, nameTo, name))) head.cuts.insert(line, next);
  });
}

/** The lines that an answer to a tester has: which side it is from, and that no cache keeps it. */
export const markOf = (colour: Colour, release: number | null): Uint8Array =>
  ascii(
    `Cutover-Side: ${colour}\r\n${release === null ? '' : `Cutover-Release: ${release}\r\n`}Cache-Control: private, no-store\r\n`,
  );

/** Looks for testers among the requests of users, and sends them where they want to look. */
export class Testers {
  constructor(
    readonly door: TesterDoor,
    private readonly route: Pick<Route, 'live' | 'blue' | 'green' | 'kept'>,
    /** Where a tester's requests go, by side. */
    private readonly views: Readonly<Record<Colour, Target>>,
  ) {}

  /** The target of a request: `target` for a user's; null if it was answered here. */
  admit(client: ClientConnection, bytes: Uint8Array, head: RequestHead, target: Target): Target | null {
    const { door } = this;
    if (door.isAtDoor(bytes, head)) {
      const answer = door.answerAtDoor(bytes, head);
      // An access log writes what was asked for, and a token is nobody else’s to read.
      bytes.fill(ASTERISK, Math.min(head.targetTo, head.targetFrom + door.doorLength), head.targetTo);
      client.conclude(answer.bytes, answer.status);
      return null;
    }
    const asked = door.ask(bytes, head);
    if (asked === undefined) return target;
    if (asked === 'wrong') {
      client.conclude(wrongSecretAnswer(head.method === Method.head), 403);
      return null;
    }
    const colour = asked === null ? this.next() : this.sideWith(asked);
    if (colour !== null) return this.views[colour];
    const { live } = this.route;
    client.turnAway(
      noPreviewAnswer({
        asked: bytes.subarray(head.start, head.end),
        toHead: head.method === Method.head,
        release: asked,
        live: this.route[live].release,
        way: door.rules.cookie?.door ?? null,
      }),
      'nothing to preview',
    );
    return null;
  }

  private next(): Colour | null {
    const { live, kept } = this.route;
    const colour = other(live);
    if (this.route[colour].instances.length === 0) return null;
    return kept === true && !this.door.rules.seeKept ? null : colour;
  }

  private sideWith(release: number): Colour | null {
    for (const colour of ['blue', 'green'] as const)
      if (this.route[colour].release === release && this.route[colour].instances.length > 0) return colour;
    return null;
  }
}
