import { FrameReader } from '../http2/frame-reader.ts';
import {
  type ErrorCode,
  Flag,
  frame,
  FrameType,
  goAwayFrame,
  headersFrames,
  preface,
  resetFrame,
  settingsAck,
  settingsFrame,
  windowUpdateFrame,
} from '../http2/frame.ts';
import { HpackDecoder, HpackEncoder } from '../http2/hpack.ts';
import type { Wire } from '../worker/rig.fixture.ts';

/** A request as an instance has it so far. */
export interface PeerStream {
  readonly id: number;
  readonly fields: Record<string, string>;
  body: string;
  bytes: number;
  ended: boolean;
  trailers: Record<string, string> | null;
  reset: number | null;
}

type Fields = readonly (readonly [string, string])[];

/** The instance's side of HTTP/2 on a wire, frame by frame, for scripts that do what no server would. */
export class InstancePeer {
  readonly streams: PeerStream[] = [];
  readonly settings = new Map<number, number>();
  settingsAcks = 0;
  pings: Uint8Array[] = [];
  goAway: number | null = null;
  /** What was handed back, by stream; 0 is the session. */
  readonly credits = new Map<number, number>();
  private readonly encoder = new HpackEncoder();
  private readonly decoder = new HpackDecoder(4096, 65_536);
  private readonly reader: FrameReader;
  private read = 0;
  private begun = false;

  constructor(readonly wire: Wire) {
    this.reader = new FrameReader({
      onData: (id, bytes, from, to, _flow, ends) => {
        const stream = this.stream(id);
        stream.bytes += to - from;
        if (stream.bytes < 1_000_000) stream.body += Buffer.from(bytes.subarray(from, to)).toString('latin1');
        if (ends) stream.ended = true;
      },
      onHeaders: (id, block, ends) => {
        const fields = Object.fromEntries(this.decoder.decode(block).fields);
        const known = this.streams.find((stream) => stream.id === id);
        if (known) known.trailers = fields;
        const stream = known ?? { id, fields, body: '', bytes: 0, ended: false, trailers: null, reset: null };
        if (!known) this.streams.push(stream);
        stream.ended = ends;
      },
      onPriority: () => undefined,
      onReset: (id, code) => void (this.stream(id).reset = code),
      onSettings: (settings) => {
        for (const [identifier, value] of settings) this.settings.set(identifier, value);
      },
      onSettingsAck: () => void this.settingsAcks++,
      onPing: (opaque) => void this.pings.push(opaque),
      onGoAway: (_, code) => void (this.goAway = code),
      onWindowUpdate: (id, increment) => void this.credits.set(id, (this.credits.get(id) ?? 0) + increment),
      onStreamError: (error) => {
        throw error;
      },
    });
  }

  /** Says its settings and waits for ours. */
  static async greet(wire: Wire, ...settings: (readonly [number, number])[]): Promise<InstancePeer> {
    const peer = new InstancePeer(wire);
    peer.send(settingsFrame(settings));
    await peer.until(() => peer.settingsAcks > 0, 'an acknowledgement of settings');
    peer.send(settingsAck());
    return peer;
  }

  stream(id: number): PeerStream {
    const stream = this.streams.find((each) => each.id === id);
    if (!stream) throw new Error(`there is no stream ${id}`);
    return stream;
  }
  until(holds: () => boolean, what: string): Promise<void> {
    return this.wire.until(() => {
      this.look();
      return holds();
    }, what);
  }
  /** The request with this number, from 0, when its head has come; `whole`: with its body. */
  async request(at = 0, whole = true): Promise<PeerStream> {
    await this.until(() => {
      const stream = this.streams[at];
      return stream !== undefined && (!whole || stream.ended);
    }, `request ${at}`);
    return this.streams[at]!;
  }
  send(...frames: readonly Uint8Array[]): this {
    this.wire.send(Buffer.concat(frames));
    return this;
  }
  headers({ id }: PeerStream, fields: Fields, ends = false): this {
    return this.send(...headersFrames(id, this.encoder.encode(fields), ends));
  }
  data({ id }: PeerStream, text: string | Uint8Array, ends = false): this {
    const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
    return this.send(frame(FrameType.data, ends ? Flag.endStream : 0, id, bytes));
  }
  answer(stream: PeerStream, body: string, ...fields: Fields): this {
    return this.headers(stream, [[':status', '200'], ...fields]).data(stream, body, true);
  }
  reset({ id }: PeerStream, code: ErrorCode): this {
    return this.send(resetFrame(id, code));
  }
  leave(last: number, code: ErrorCode = 0): this {
    return this.send(goAwayFrame(last, code));
  }
  allow(id: number, bytes: number): this {
    return this.send(windowUpdateFrame(id, bytes));
  }

  private look(): void {
    const { received } = this.wire;
    if (!this.begun) {
      if (received.length < preface.length) return;
      if (!received.subarray(0, preface.length).equals(preface)) throw new Error('no preface');
      this.begun = true;
      this.read = preface.length;
    }
    if (this.read === received.length) return;
    const chunk = received.subarray(this.read);
    this.read = received.length;
    this.reader.feed(chunk);
  }
}

/** Answers every request with what `answer` says of it, as long as the wire lives. */
export const answeringHttp2 =
  (answer: (stream: PeerStream, peer: InstancePeer) => void, ...settings: (readonly [number, number])[]) =>
  async (wire: Wire): Promise<void> => {
    const peer = await InstancePeer.greet(wire, ...settings);
    for (let at = 0; ; at++) {
      await waitFor(peer, at);
      if (wire.closed || wire.ended) {
        wire.close();
        return;
      }
      answer(peer.streams[at]!, peer);
    }
  };

/** A wire waits for seconds only; this, until the other end goes. */
async function waitFor(peer: InstancePeer, at: number): Promise<void> {
  for (;;)
    try {
      await peer.until(
        () => peer.wire.closed || peer.wire.ended || peer.streams[at]?.ended === true,
        'request',
      );
      return;
    } catch (error) {
      if (peer.wire.closed || !(error instanceof Error) || !error.message.startsWith('no request'))
        throw error;
    }
}
