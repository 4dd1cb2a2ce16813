// An instance that is read by Node's own strict parser (llhttp), with what came on each connection beside what that parser made of it.
// Prints its port, then a line of JSON for each connection that has ended. Run by Node, not by Bun: the reader is to be another one.
import { createServer } from 'node:http';

const connections = new WeakMap();
const say = (document) => process.stdout.write(`${JSON.stringify(document)}\n`);
/** After so many requests a connection is closed, so that what came on it is looked at. */
const requestsEach = 40;

const server = createServer(
  { insecureHTTPParser: false, requireHostHeader: true, keepAliveTimeout: 1000 },
  (request, response) => {
    const seen = connections.get(request.socket);
    const entry = { method: request.method, target: request.url, bytes: 0, whole: false };
    seen.requests.push(entry);
    request.on('data', (chunk) => (entry.bytes += chunk.length));
    request.on('end', () => {
      entry.whole = true;
      const close = seen.requests.length >= requestsEach;
      response.writeHead(200, { 'Content-Length': '2', ...(close ? { Connection: 'close' } : {}) });
      response.end('ok');
    });
    request.on('error', () => undefined);
  },
);
// An upgrade that nobody takes is a request like any other, and ends the connection.
server.on('upgrade', (request, socket) => {
  connections
    .get(socket)
    .requests.push({ method: request.method, target: request.url, bytes: 0, whole: true });
  connections.get(socket).upgraded = true;
  socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
});
server.on('clientError', (error, socket) => {
  const seen = connections.get(socket);
  if (seen && error.code !== 'ECONNRESET') seen.error = `${error.code}: ${error.message}`;
  socket.destroy();
});
server.on('checkContinue', (request, response) => {
  response.writeContinue();
  server.emit('request', request, response);
});
server.on('checkExpectation', (request, response) => server.emit('request', request, response));
server.on('connection', (socket) => {
  const seen = { requests: [], raw: [], error: null, upgraded: false };
  connections.set(socket, seen);
  socket.prependListener('data', (chunk) => seen.raw.push(chunk));
  socket.on('close', () =>
    say({
      raw: Buffer.concat(seen.raw).toString('latin1'),
      requests: seen.requests,
      error: seen.error,
      upgraded: seen.upgraded,
    }),
  );
  socket.on('error', () => undefined);
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
// It ends with whoever started it.
process.stdin.on('end', () => process.exit(0)).resume();
