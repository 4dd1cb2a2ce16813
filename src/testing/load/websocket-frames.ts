import { Malformed } from './malformed.ts';

/** RFC 6455 §11.8. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A whole message, or a control frame. */
export interface Message {
  readonly opcode: number;
  readonly payload: Buffer;
}

const maxMessageBytes = 16 * 1024 * 1024;

/** A frame as a client sends it, masked with the four bytes of `mask` (RFC 6455 §5.3). */
export function clientFrame(opcode: number, payload: Buffer, mask: number, final = true): Buffer {
  const { length } = payload;
  const at = length < 126 ? 2 : length < 65536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(at + 4 + length);
  frame[0] = (final ? 0x80 : 0) | opcode;
  frame[1] = 0x80 | (length < 126 ? length : length < 65536 ? 126 : 127);
  if (at === 4) frame.writeUInt16BE(length, 2);
  if (at === 10) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.writeUInt32BE(mask >>> 0, at);
  for (let i = 0; i < length; i++) frame[at + 4 + i] = (payload[i] ?? 0) ^ (frame[at + (i & 3)] ?? 0);
  return frame;
}

/** Reads what a server sends in an open WebSocket, strictly. Throws Malformed. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);
  #opcode = 0;
  #parts: Buffer[] = [];
  #bytes = 0;

  /** Takes the next bytes; returns the messages and control frames that are whole with them, in order. */
  push(chunk: Buffer): Message[] {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const messages: Message[] = [];
    for (;;) {
      const frame = frameAt(bytes);
      if (!frame) break;
      bytes = bytes.subarray(frame.bytes);
      const message = this.#take(frame);
      if (message) messages.push(message);
    }
    this.#pending = bytes;
    return messages;
  }

  #take({ opcode, final, payload }: Frame): Message | null {
    if (opcode >= opcodes.close) return { opcode, payload };
    if ((opcode === opcodes.continuation) !== (this.#opcode !== 0)) {
      throw new Malformed('a fragment without a beginning, or a message inside another');
    }
    if (opcode !== opcodes.continuation) this.#opcode = opcode;
    this.#parts.push(payload);
    this.#bytes += payload.length;
    if (this.#bytes > maxMessageBytes)
      throw new Malformed(`expected a message of at most ${maxMessageBytes} bytes`);
    if (!final) return null;
    const message = { opcode: this.#opcode, payload: Buffer.concat(this.#parts) };
    this.#opcode = 0;
    this.#parts = [];
    this.#bytes = 0;
    return message;
  }
}

interface Frame extends Message {
  readonly final: boolean;
  /** Of the whole frame. */
  readonly bytes: number;
}

function frameAt(bytes: Buffer): Frame | null {
  if (bytes.length < 2) return null;
  const [first = 0, second = 0] = bytes;
  const opcode = first & 0x0f;
  const final = (first & 0x80) !== 0;
  if (first & 0x70) throw new Malformed('a reserved bit is set');
  if (second & 0x80) throw new Malformed('a server masked its frame');
  if ((opcode > opcodes.binary && opcode < opcodes.close) || opcode > opcodes.pong)
    throw new Malformed(`opcode ${opcode}`);
  let length = second & 0x7f;
  let at = 2;
  if (opcode >= opcodes.close && (length > 125 || !final))
    throw new Malformed('a control frame that is long or in parts');
  if (length === 126) {
    if (bytes.length < 4) return null;
    length = bytes.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return null;
    length = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  if (length > maxMessageBytes)
    throw new Malformed(`expected a message of at most ${maxMessageBytes} bytes, found ${length}`);
  if (bytes.length < at + length) return null;
  return { opcode, final, payload: bytes.subarray(at, at + length), bytes: at + length };
}
