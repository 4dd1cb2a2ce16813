// The program behind every proxy of the bench: answers each request with 1 KB, as fast as a raw socket can. Prints its port.
import type { Socket } from 'bun';

const body = 'x'.repeat(1024);
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
);
const endOfHead = Buffer.from('\r\n\r\n');

/** What is left of a head that has not come whole. */
interface Partial {
  rest: Buffer;
}

const server = Bun.listen<Partial>({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open: (socket) => {
      socket.data = { rest: Buffer.alloc(0) };
    },
    data: (socket: Socket<Partial>, bytes) => {
      const { rest } = socket.data;
      const all = rest.length ? Buffer.concat([rest, bytes]) : bytes;
      let at = 0;
      for (let end = all.indexOf(endOfHead); end >= 0; end = all.indexOf(endOfHead, at)) {
        socket.write(answer);
        at = end + endOfHead.length;
      }
      // Copied: the bytes are the socket's own, and will be written over.
      socket.data.rest = at < all.length ? Buffer.from(all.subarray(at)) : Buffer.alloc(0);
    },
  },
});
console.log(server.port);
