// The program behind every proxy of the bench, as fast as a raw socket can be. Prints its port. Answers `GET /` with 1 KB,
// `GET /large` with 100 KB, any body with a length with two bytes once it has come whole, and an upgrade to WebSocket
// by echoing the messages of `websocket.ts`.
import type { Socket } from 'bun';
import { echoedFrame, frameBytes, upgradeAnswer } from './websocket.ts';

const answerOf = (bytes: number): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`,
  );
const small = answerOf(1024);
const large = answerOf(100 * 1024);
const taken = answerOf(2);
const endOfHead = Buffer.from('\r\n\r\n');
const none = Buffer.alloc(0);
const echoes = Buffer.concat(Array.from({ length: 64 }, () => echoedFrame));

/** What is left of a head that has not come whole, of a body, and of an answer that the socket has not taken. */
interface Connection {
  rest: Buffer;
  bodyLeft: number;
  unsent: Buffer;
  /** Bytes of a message that has not come whole; -1: no WebSocket. */
  message: number;
}

function send(socket: Socket<Connection>, bytes: Buffer): void {
  const { data } = socket;
  if (data.unsent.length > 0) {
    data.unsent = Buffer.concat([data.unsent, bytes]);
    return;
  }
  const written = socket.write(bytes);
  if (written >= 0 && written < bytes.length) data.unsent = bytes.subarray(written);
}

function echo(socket: Socket<Connection>, bytes: number): void {
  const { data } = socket;
  const all = data.message + bytes;
  data.message = all % frameBytes;
  for (let whole = Math.floor(all / frameBytes); whole > 0; whole -= 64)
    send(socket, echoes.subarray(0, Math.min(64, whole) * echoedFrame.length));
}

function answer(socket: Socket<Connection>, head: Buffer): void {
  // 'GET / ', 'GET /l', 'POST /' or 'GET /w'.
  if (head[0] === 71 && head[5] === 32) return send(socket, small);
  if (head[0] === 71 && head[5] === 108) return send(socket, large);
  const text = head.toString('latin1');
  if (/\r\nupgrade: *websocket/i.test(text)) {
    socket.data.message = 0;
    return send(socket, upgradeAnswer);
  }
  socket.data.bodyLeft = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
  if (socket.data.bodyLeft === 0) send(socket, taken);
}

const server = Bun.listen<Connection>({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open: (socket) => {
      socket.data = { rest: none, bodyLeft: 0, unsent: none, message: -1 };
    },
    data: (socket, bytes) => {
      const { data } = socket;
      let all = data.rest.length > 0 ? Buffer.concat([data.rest, bytes]) : bytes;
      while (all.length > 0) {
        if (data.message >= 0) {
          echo(socket, all.length);
          all = none;
        } else if (data.bodyLeft > 0) {
          const here = Math.min(data.bodyLeft, all.length);
          data.bodyLeft -= here;
          if (data.bodyLeft === 0) send(socket, taken);
          all = all.subarray(here);
        } else {
          const end = all.indexOf(endOfHead);
          if (end < 0) break;
          const head = all.subarray(0, end + endOfHead.length);
          all = all.subarray(head.length);
          answer(socket, head);
        }
      }
      // Copied: the bytes are the socket's own, and will be written over.
      data.rest = all.length > 0 ? Buffer.from(all) : none;
    },
    drain: (socket) => {
      const { unsent } = socket.data;
      socket.data.unsent = none;
      if (unsent.length > 0) send(socket, unsent);
    },
    // What a proxy resets when it ends is no news.
    error: (socket) => socket.terminate(),
  },
});
console.log(server.port);
