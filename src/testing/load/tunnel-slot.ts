import { createHash } from 'node:crypto';
import { Malformed } from './malformed.ts';
import type { Place, Speaker, TunnelWork } from './profile.ts';
import { ResponseParser } from './response-parser.ts';
import { isRefusal, retryDelayMs, speakerOf, type Setting, type Slot } from './slot.ts';
import type { Reason } from './snapshot.ts';
import { clientFrame, FrameReader, opcodes, type Message } from './websocket-frames.ts';
import { Wire, type WireEvents } from './wire.ts';

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** The server is going away, or restarts (RFC 6455 §7.4.1, IANA's registry). */
const goingAway = [1001, 1012];

/**
 * Opens a WebSocket, sends messages and verifies that each comes back, closes it, opens the next. A tunnel is one request.
 *
 *   connecting ──► handshake ──► waiting ⇄ pausing ──► closing ──► (next)
 *
 * A tunnel that the server ends is no failure: tunnels outlive a switch, but not the drain deadline. A message that does not
 * come back while the tunnel is open, or comes back changed, is.
 */
export class TunnelSlot implements Slot, WireEvents {
  readonly finished: Promise<void>;
  readonly #finish: () => void;
  #state: 'idle' | 'connecting' | 'handshake' | 'waiting' | 'pausing' | 'closing' = 'idle';
  #parser = new ResponseParser();
  #frames = new FrameReader();
  #wire: Wire | null = null;
  #speaker: Speaker | null = null;
  #key = '';
  #expected: Message[] = [];
  #left = 0;
  #era = 0;
  #sinceMs = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #stopped = false;

  constructor(
    readonly work: TunnelWork,
    readonly place: Place,
    readonly setting: Setting,
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#finish = resolve;
  }

  start(): void {
    this.#open();
  }

  stop(): void {
    this.#stopped = true;
    this.#left = 0;
    if (this.#state === 'idle') this.#open();
    else if (this.#state === 'pausing') this.#say();
  }

  check(nowMs: number): void {
    const { timeoutMs, tally } = this.setting;
    if (this.#state === 'idle' || this.#state === 'pausing' || nowMs - this.#sinceMs <= timeoutMs) return;
    if (this.#state === 'waiting') this.#fail('message-lost', `no echo within ${timeoutMs} ms`);
    else {
      if (this.#state === 'connecting') this.#era = tally.begun();
      this.#fail('timeout', `nothing came within ${timeoutMs} ms while ${this.#state}`);
    }
  }

  opened(): void {
    const { profile, tally } = this.setting;
    this.#state = 'handshake';
    this.#era = tally.begun();
    this.#sinceMs = performance.now();
    this.#key = this.place.random.bytes(16).toString('base64');
    this.#wire?.write(
      Buffer.from(
        `GET ${this.work.path} HTTP/1.1\r\nHost: ${profile.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${this.#key}\r\n\r\n`,
      ),
    );
  }

  refused(error: Error): void {
    this.#era = this.setting.tally.begun();
    this.#fail(isRefusal(error) ? 'connect-refused' : 'connect-failed', error.message);
  }

  received(chunk: Buffer): void {
    try {
      if (this.#state === 'handshake') {
        if (this.#parser.push(chunk)) this.#shaken();
      } else for (const message of this.#frames.push(chunk)) this.#heard(message);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#fail('malformed', error.message);
    }
  }

  closed(error: Error | null): void {
    this.#wire = null;
    const how = error ? error.message : 'the connection was closed';
    if (this.#state === 'handshake') {
      const reason = this.#parser.received > 0 ? 'truncated' : error ? 'reset' : 'closed';
      this.#fail(reason, `in the handshake: ${how}`);
      return;
    }
    const { tunnels } = this.setting.tally;
    tunnels.closedByServer++;
    tunnels.cut++;
    this.#end();
  }

  #open(): void {
    this.#timer = null;
    if (this.#stopped) {
      this.#finish();
      return;
    }
    this.#parser.reset();
    this.#frames = new FrameReader();
    this.#expected = [];
    this.#speaker = null;
    this.#left = this.place.random.between(...this.work.messages);
    this.#state = 'connecting';
    this.#sinceMs = performance.now();
    this.#wire = new Wire(this.setting.target, this);
  }

  #shaken(): void {
    const { head, rest } = this.#parser;
    const { tally, profile } = this.setting;
    if (head?.status !== 101) {
      this.#fail('status', `expected 101, found ${head?.status}`);
      return;
    }
    const accept = createHash('sha1')
      .update(this.#key + guid)
      .digest('base64');
    if (
      head.headers.get('sec-websocket-accept') !== accept ||
      head.headers.get('upgrade')?.toLowerCase() !== 'websocket'
    ) {
      this.#fail('wrong-content', 'the handshake was answered for another key or protocol');
      return;
    }
    this.#speaker = speakerOf(profile, head);
    if (this.#speaker) tally.answered(this.#era, this.#speaker);
    tally.tunnels.opened++;
    this.#say();
    if (rest && rest.length > 0) this.received(rest);
  }

  /** The next message, or the end of the tunnel. One in four is in two fragments with a ping between them. */
  #say(): void {
    const { random } = this.place;
    this.#timer = null;
    this.#sinceMs = performance.now();
    const send = (opcode: number, payload: Buffer, final = true): void =>
      this.#wire?.write(clientFrame(opcode, payload, random.between(0, 0xffffffff), final));
    if (this.#left <= 0) {
      this.#state = 'closing';
      send(opcodes.close, Buffer.from([1000 >> 8, 1000 & 255]));
      return;
    }
    this.#left--;
    this.#state = 'waiting';
    const size = random.between(...this.work.bytes);
    const binary = random.next() < 0.5;
    const opcode = binary ? opcodes.binary : opcodes.text;
    const payload = binary
      ? random.bytes(size)
      : Buffer.from(random.bytes(size).toString('base64url').slice(0, size));
    if (random.next() < 0.25) {
      const half = size >> 1;
      const ping = random.bytes(8);
      this.#expected.push({ opcode: opcodes.pong, payload: ping }, { opcode, payload });
      send(opcode, payload.subarray(0, half), false);
      send(opcodes.ping, ping);
      send(opcodes.continuation, payload.subarray(half));
    } else {
      this.#expected.push({ opcode, payload });
      send(opcode, payload);
    }
  }

  #heard(message: Message): void {
    const { tally } = this.setting;
    if (this.#state === 'idle') return;
    if (message.opcode === opcodes.ping) {
      this.#wire?.write(clientFrame(opcodes.pong, message.payload, this.place.random.between(0, 0xffffffff)));
      return;
    }
    if (message.opcode === opcodes.close) {
      this.#closedWith(message.payload);
      return;
    }
    const expected = this.#expected.shift();
    if (!expected || expected.opcode !== message.opcode || !expected.payload.equals(message.payload)) {
      const found = `opcode ${message.opcode} with ${message.payload.length} bytes`;
      this.#fail(
        'wrong-content',
        `expected ${expected ? `the echo of ${expected.payload.length} bytes` : 'nothing'}, found ${found}`,
      );
      return;
    }
    if (this.#expected.length > 0) return;
    tally.tunnels.messages++;
    tally.latency('websocket', (performance.now() - this.#sinceMs) * 1000);
    if (this.#left <= 0) this.#say();
    else {
      this.#state = 'pausing';
      this.#timer = setTimeout(() => this.#say(), this.place.random.between(...this.work.pauseMs));
    }
  }

  #closedWith(payload: Buffer): void {
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    if (this.#state === 'closing' && !goingAway.includes(code)) {
      // The server agreed: 1000 comes back.
      if (code !== 1000) this.#fail('wrong-content', `expected to be closed with 1000, found ${code}`);
      else this.#end();
    } else if (goingAway.includes(code)) {
      this.setting.tally.tunnels.closedByServer++;
      this.#wire?.write(clientFrame(opcodes.close, payload, this.place.random.between(0, 0xffffffff)));
      this.#end();
    } else this.#fail('closed', `the server closed the tunnel with ${code}`);
  }

  /** The tunnel has ended as it may. */
  #end(): void {
    this.setting.tally.ended('websocket', this.#era);
    this.#drop();
    this.#open();
  }

  #fail(reason: Reason, detail: string): void {
    this.setting.tally.failed('websocket', this.#era, `GET ${this.work.path}`, reason, detail, this.#speaker);
    this.#drop();
    if (this.#stopped) this.#open();
    else this.#timer = setTimeout(() => this.#open(), retryDelayMs);
  }

  #drop(): void {
    this.#state = 'idle';
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#wire?.end();
    this.#wire = null;
  }
}
