import { createServer } from 'node:http';
import { Server } from 'node:net';

const {
  CUTOVER_RELEASE = 'local',
  CUTOVER_ENVIRONMENT = 'none',
  HOST = '127.0.0.1',
  PORT = '8000',
} = process.env;

let finishing = false;
const server = createServer((request, response) => {
  // Told to the client, which then asks nothing more on this connection.
  if (finishing) response.setHeader('Connection', 'close');
  response.setHeader('X-Release', CUTOVER_RELEASE);
  response.setHeader('X-Environment', CUTOVER_ENVIRONMENT);
  response.end(request.url === '/health' ? 'ok\n' : `hello from release ${CUTOVER_RELEASE}\n`);
});

// sd_listen_fds(3): descriptors from 3 on, if they are meant for this very process.
const isHanded = process.env.LISTEN_PID === String(process.pid) && Number(process.env.LISTEN_FDS) > 0;
server.listen(isHanded ? { fd: 3 } : { host: HOST, port: Number(PORT) });

process.on('SIGTERM', () => {
  finishing = true;
  // Accepts no more, and ends when the last connection has: server.close() would end those that are between two requests under their clients.
  Server.prototype.close.call(server, () => process.exit(0));
});
