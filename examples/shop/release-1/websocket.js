import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';

/** The server's side of WebSocket (RFC 6455), without extensions and subprotocols. */
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const maxMessageBytes = 1024 * 1024;
const continuation = 0;
const text = 1;
const binary = 2;
const close = 8;
const ping = 9;
const pong = 10;

class ProtocolError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** One frame as a server sends it: whole and unmasked (§5.1). */
function frame(opcode, payload) {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** Close codes that may stand in a frame (§7.4.1, §7.4.2). */
const mayClose = (code) =>
  (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
  (code >= 3000 && code <= 4999);

/** One open WebSocket. `onMessage(payload, isText)` is called for each whole message. */
export class WebSocketConnection {
  #socket;
  #pending = Buffer.alloc(0);
  #fragments = [];
  #fragmentBytes = 0;
  #messageOpcode = 0;
  #closing = false;
  #ended = false;
  onMessage = () => {};
  onClose = () => {};

  constructor(socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('end', () => socket.end());
    // A reset by the other side ends this connection, not the program; 'close' follows.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.onClose());
  }

  /** Sends one message. While the other side does not read, nothing more is read from it, so memory stays bounded. */
  send(payload, isText) {
    this.#write(frame(isText ? text : binary, Buffer.from(payload)));
  }

  /** Begins to close: 1001 says that the server is going away (§7.4.1). Ends the connection if no answer comes in a second. */
  close(code, reason = '') {
    if (this.#closing) return;
    this.#closing = true;
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(code, 0);
    payload.write(reason, 2);
    this.#socket.write(frame(close, payload));
    setTimeout(() => this.#socket.destroy(), 1000).unref();
  }

  /** What came with the handshake's last bytes. */
  start(head) {
    if (head.length > 0) this.#read(head);
  }

  #write(bytes) {
    if (this.#closing || this.#socket.destroyed) return;
    if (this.#socket.write(bytes) || this.#socket.isPaused()) return;
    this.#socket.pause();
    this.#socket.once('drain', () => this.#socket.resume());
  }

  #read(chunk) {
    if (this.#ended) return;
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    try {
      while (this.#frame());
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.close(error.code, error.message);
      this.#end();
    }
  }

  /** Nothing that comes after this is read (§7.1.7). */
  #end() {
    this.#ended = true;
    this.#socket.end();
  }

  /** Takes one whole frame from what is pending; false if there is none. */
  #frame() {
    const bytes = this.#pending;
    if (bytes.length < 2) return false;
    const final = (bytes[0] & 0x80) !== 0;
    const opcode = bytes[0] & 0x0f;
    if (bytes[0] & 0x70) throw new ProtocolError(1002, 'a reserved bit is set');
    if ((bytes[1] & 0x80) === 0) throw new ProtocolError(1002, 'a frame is not masked');
    let length = bytes[1] & 0x7f;
    let at = 2;
    if (opcode >= 8 && (length > 125 || !final))
      throw new ProtocolError(1002, 'a control frame is too long or in parts');
    if (length === 126) {
      if (bytes.length < 4) return false;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return false;
      const long = bytes.readBigUInt64BE(2);
      length = long > BigInt(maxMessageBytes) ? maxMessageBytes + 1 : Number(long);
      at = 10;
    }
    if (length + this.#fragmentBytes > maxMessageBytes)
      throw new ProtocolError(1009, 'the message is too long');
    if (bytes.length < at + 4 + length) return false;
    const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + length));
    for (let i = 0; i < length; i++) payload[i] ^= bytes[at + (i & 3)];
    this.#pending = bytes.subarray(at + 4 + length);
    this.#handle(opcode, final, payload);
    return !this.#ended;
  }

  #handle(opcode, final, payload) {
    if (opcode === ping) this.#write(frame(pong, payload));
    else if (opcode === pong) return;
    else if (opcode === close) this.#closed(payload);
    else if (opcode === text || opcode === binary) {
      if (this.#messageOpcode) throw new ProtocolError(1002, 'a message begins inside another');
      this.#messageOpcode = opcode;
      this.#part(final, payload);
    } else if (opcode === continuation) {
      if (!this.#messageOpcode) throw new ProtocolError(1002, 'a continuation without a beginning');
      this.#part(final, payload);
    } else throw new ProtocolError(1002, 'an unknown opcode');
  }

  #part(final, payload) {
    this.#fragments.push(payload);
    this.#fragmentBytes += payload.length;
    // Tiny fragments would cost far more memory than their bytes.
    if (this.#fragments.length > 4096) throw new ProtocolError(1009, 'the message has too many parts');
    if (!final) return;
    const message = Buffer.concat(this.#fragments);
    const isText = this.#messageOpcode === text;
    this.#fragments = [];
    this.#fragmentBytes = 0;
    this.#messageOpcode = 0;
    if (isText && !isUtf8(message)) throw new ProtocolError(1007, 'text is not UTF-8');
    if (!this.#closing) this.onMessage(message, isText);
  }

  #closed(payload) {
    if (payload.length === 1) throw new ProtocolError(1002, 'a close frame of one byte');
    if (payload.length >= 2) {
      if (!mayClose(payload.readUInt16BE(0)))
        throw new ProtocolError(1002, 'a close code that may not be sent');
      if (!isUtf8(payload.subarray(2))) throw new ProtocolError(1007, 'the reason is not UTF-8');
      this.close(payload.readUInt16BE(0));
    } else if (!this.#closing) {
      this.#closing = true;
      this.#socket.write(frame(close, payload));
    }
    this.#end();
  }
}

/**
 * Answers the opening handshake (§4.2). Returns the open connection, or null after refusing it.
 * `headers` are added to the 101.
 */
export function acceptWebSocket(request, socket, head, headers) {
  const key = request.headers['sec-websocket-key'] ?? '';
  const refuse = (status, extra = '') => {
    socket.end(
      `HTTP/1.1 ${status}\r\n${headerLines(headers)}${extra}Content-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    return null;
  };
  if (request.headers['sec-websocket-version'] !== '13')
    return refuse('426 Upgrade Required', 'Sec-WebSocket-Version: 13\r\n');
  if (request.method !== 'GET' || !/^[A-Za-z0-9+/]{22}==$/.test(key)) return refuse('400 Bad Request');
  const accept = createHash('sha1')
    .update(key + guid)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Accept: ${accept}\r\n${headerLines(headers)}\r\n`,
  );
  return new WebSocketConnection(socket);
}

const headerLines = (headers) =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
