import {
  type ErrorCode,
  Flag,
  frame,
  frameHeadBytes,
  FrameType,
  headersFrames,
  preface,
  readUint32,
  settingsAck,
  settingsFrame,
} from '../http2/frame.ts';
import type { HeaderField } from '../http2/header-table.ts';
import { HpackDecoder, HpackEncoder } from '../http2/hpack.ts';
import type { Rig, Wire } from './rig.fixture.ts';

/** A frame as it came. */
export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export const request = (path = '/', ...more: HeaderField[]): HeaderField[] => [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', path],
  [':authority', 'shop.example'],
  ...more,
];
export const upload = (path = '/', ...more: HeaderField[]): HeaderField[] => [
  [':method', 'POST'],
  ...request(path, ...more).slice(1),
];
export const data = (stream: number, content: string | Uint8Array, ends = true): Uint8Array =>
  frame(FrameType.data, ends ? Flag.endStream : 0, stream, Buffer.from(content));

/** A client of HTTP/2 that says whatever it is told to, frame by frame, and writes down what it is answered. */
export class Http2Wire {
  readonly frames: SeenFrame[] = [];
  /** One line for each thing that was said: `headers 1 200`, `end 1`, `reset 1 8`, `goaway 1 0`, `ping ack`, … */
  readonly lines: string[] = [];
  /** Fields of the response heads and trailers, by stream, in their order. */
  readonly heads = new Map<number, HeaderField[][]>();
  private readonly encoder = new HpackEncoder();
  private readonly decoder = new HpackDecoder(4096, 1_000_000);
  private readonly bodies = new Map<number, Buffer[]>();
  private block: Buffer[] = [];
  private read = 0;

  private constructor(readonly wire: Wire) {}

  /** With the preface and SETTINGS sent, unless `bare`. */
  static async open(
    rig: Rig,
    settings: readonly (readonly [number, number])[] = [],
    bare = false,
  ): Promise<Http2Wire> {
    const client = new Http2Wire(await rig.connect());
    if (!bare) client.send(preface, settingsFrame(settings), settingsAck());
    return client;
  }

  send(...frames: readonly Uint8Array[]): this {
    this.wire.send(Buffer.concat(frames));
    return this;
  }
  headers(stream: number, fields: readonly HeaderField[], ends = true): Uint8Array {
    return Buffer.concat(headersFrames(stream, this.encoder.encode(fields), ends));
  }
  encode(fields: readonly HeaderField[]): Uint8Array {
    return this.encoder.encode(fields);
  }
  ask(stream: number, fields: readonly HeaderField[] = request(), ends = true): this {
    return this.send(this.headers(stream, fields, ends));
  }

  /** Resolves when a line says so; fails if none has within a few seconds. */
  async until(line: string): Promise<void> {
    await this.wire.until(() => this.look().includes(line), `${line} among ${this.lines.join(', ')}`);
  }
  async when(holds: () => boolean, what: string): Promise<void> {
    await this.wire.until(() => (this.look(), holds()), what);
  }
  body(stream: number): string {
    this.look();
    return Buffer.concat(this.bodies.get(stream) ?? []).toString('latin1');
  }
  /** The whole response on a stream. */
  async response(stream: number): Promise<{ readonly status: string; readonly body: string }> {
    await this.until(`end ${stream}`);
    const final = this.heads.get(stream)?.find(([first]) => first !== undefined && !/^1/.test(first[1]));
    return { status: final?.[0]?.[1] ?? '', body: this.body(stream) };
  }
  field(stream: number, name: string): string | undefined {
    return this.heads
      .get(stream)
      ?.flat()
      .find(([itsName]) => itsName === name)?.[1];
  }

  look(): string[] {
    const bytes = this.wire.received;
    while (bytes.length - this.read >= frameHeadBytes) {
      const length = bytes.readUIntBE(this.read, 3);
      const from = this.read + frameHeadBytes;
      if (from + length > bytes.length) break;
      const seen: SeenFrame = {
        type: bytes[this.read + 3]!,
        flags: bytes[this.read + 4]!,
        stream: readUint32(bytes, this.read + 5),
        payload: bytes.subarray(from, from + length),
      };
      this.read = from + length;
      this.frames.push(seen);
      this.note(seen);
    }
    return this.lines;
  }

  private note({ type, flags, stream, payload }: SeenFrame): void {
    const code = (at: number): ErrorCode => readUint32(payload, at) as ErrorCode;
    const ends = (type === FrameType.data || type === FrameType.headers) && (flags & Flag.endStream) !== 0;
    switch (type) {
      case FrameType.data:
        this.bodies.set(stream, [...(this.bodies.get(stream) ?? []), payload]);
        this.lines.push(`data ${stream} ${payload.length}`);
        break;
      case FrameType.headers:
      case FrameType.continuation: {
        this.block.push(payload);
        if (!(flags & Flag.endHeaders)) break;
        const { fields } = this.decoder.decode(Buffer.concat(this.block));
        this.block = [];
        this.heads.set(stream, [...(this.heads.get(stream) ?? []), [...fields]]);
        this.lines.push(`headers ${stream} ${fields[0]?.[0] === ':status' ? fields[0][1] : 'trailers'}`);
        break;
      }
      case FrameType.resetStream:
        this.lines.push(`reset ${stream} ${code(0)}`);
        break;
      case FrameType.settings:
        this.lines.push(flags & Flag.ack ? 'settings ack' : 'settings');
        break;
      case FrameType.ping:
        this.lines.push(flags & Flag.ack ? `ping ack ${payload.toString('latin1')}` : 'ping');
        break;
      case FrameType.goAway:
        this.lines.push(`goaway ${code(0)} ${code(4)}`);
        break;
      default:
        this.lines.push(`frame ${type} ${stream}`);
    }
    if (ends) this.lines.push(`end ${stream}`);
  }
}
