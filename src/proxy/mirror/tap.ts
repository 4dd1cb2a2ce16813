import type { RouteMirror } from '../../core/mirror/route-mirror.ts';
import { placeOfTurn } from '../../core/weights-line.ts';
import { type Span, nextValue } from '../http1/header-value.ts';
import { ascii } from '../http1/octets.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { copyFrameLength, countsFrame, type Pieces, type WireReason, writeCopyFrame } from './frame.ts';
import type { MirrorPipe } from './pipe.ts';

const contentType = ascii('content-type');
const grpc = 'application/grpc';
/** Beyond a body of `bodyBytes`: heads, and the lines of chunks. */
const headRoomBytes = 131_072;

const textOf = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');

/** Chooses the requests of one side that are copied, and hands the copies on. It outlives the tables in which its mirror is in force. */
export class MirrorTap {
  readonly #subject: Uint8Array;
  readonly #cut: number;
  readonly #methods: ReadonlySet<string>;
  readonly longestRequest: number;
  readonly longestResponse: number;
  readonly #value: Span = { from: 0, to: 0 };
  /** Each worker begins elsewhere, or all would choose at the same time. */
  #turn = (Math.random() * 2 ** 32) | 0;
  #chosen = 0;
  readonly #skipped = new Map<WireReason, number>();

  constructor(
    service: string,
    { id, share, methods, bodyBytes }: RouteMirror,
    private readonly pipe: MirrorPipe,
  ) {
    this.#subject = Buffer.from(`${service}\n${id}`);
    this.#cut = Math.round(share * 2 ** 32) - 2 ** 31;
    this.#methods = new Set(methods);
    this.longestRequest = bodyBytes + headRoomBytes;
    this.longestResponse = bodyBytes + headRoomBytes;
  }

  /** Whether it is the turn of the next request. */
  get isNext(): boolean {
    this.#turn = (this.#turn + 1) | 0;
    return placeOfTurn(this.#turn) < this.#cut;
  }

  /** Whether a request whose turn it is can be copied; it is counted if not. */
  takes(bytes: Uint8Array, head: RequestHead): boolean {
    this.#chosen++;
    const reason = this.#unfit(bytes, head);
    if (reason !== null) this.skip(reason);
    return reason === null;
  }

  #unfit(bytes: Uint8Array, head: RequestHead): WireReason | null {
    if (head.upgrade) return 'upgrade';
    if (!this.#methods.has(textOf(bytes, head.start, head.methodEnd))) return 'method';
    const { value } = this;
    if (nextValue(bytes, contentType, head.fieldsFrom, head.end, value) === -1) return null;
    return textOf(bytes, value.from, value.to).toLowerCase().startsWith(grpc) ? 'grpc' : null;
  }
  private get value(): Span {
    return this.#value;
  }

  skip(reason: WireReason): void {
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1);
  }

  /** Hands a copy to the process that mirrors, or drops it. */
  hand(
    usersUs: number,
    headLength: number,
    greeting: Uint8Array | null,
    request: Pieces,
    response: Pieces,
  ): void {
    const length = copyFrameLength(this.#subject, greeting, request, response);
    const refused = this.pipe.admits(length);
    if (refused !== null) return this.skip(refused);
    this.pipe.put(length, (target, at) => {
      writeCopyFrame(target, at, this.#subject, usersUs, headLength, greeting, request, response);
    });
  }

  /** Tells what was counted since it was last told. */
  tell(): void {
    if (this.#chosen === 0 && this.#skipped.size === 0) return;
    const frame = countsFrame(this.#subject, this.#chosen, this.#skipped);
    if (this.pipe.admits(frame.length) !== null) return;
    this.pipe.put(frame.length, (target, at) => void frame.copy(target, at));
    this.#chosen = 0;
    this.#skipped.clear();
  }
}
