import type { Socket, SocketHandler } from 'bun';
import type { Ends } from '../proxy-protocol/header.ts';
import { ClientConnection, type ListeningPoint } from './client-connection.ts';
import type { Plane } from './plane.ts';

/** What a listener does with the sockets of clients. */
export const handlersOf = (plane: Plane, point: ListeningPoint): SocketHandler<ClientConnection> => ({
  open(opened: Socket<ClientConnection>) {
    if (point.entry?.greeted === true) plane.greetings.greet(opened, point);
    else welcome(plane, point, opened, null);
  },
  data: onData,
  drain: onDrain,
  end: onEnd,
  close: onClose,
  error(failed: Socket<ClientConnection>, error: Error) {
    plane.defect(error);
    failed.terminate();
  },
});

/** From here on what comes on the socket is the client's. */
export function welcome(
  plane: Plane,
  point: ListeningPoint,
  socket: Socket<ClientConnection>,
  told: Ends | null,
): void {
  const client = new ClientConnection(plane, point, socket, told);
  socket.data = client;
  if (plane.clients.size > plane.limits.connections) {
    client.turnOut();
    return;
  }
  if (point.limits.clientConnections > 0) client.countFor(point.limits.clientConnections);
  if (point.entry?.raw === true) client.relay();
  if (point.proofs !== null) point.proofs.examine(socket);
}

// One function each for all connections: what differs is in `socket.data`. It is absent until the connection was welcomed; nothing is
// read from it before.
const onData = (socket: Socket<ClientConnection>, bytes: Uint8Array): void => socket.data.onData(bytes);
const onDrain = (socket: Socket<ClientConnection>): void => clientOf(socket)?.onDrain();
const onEnd = (socket: Socket<ClientConnection>): void => clientOf(socket)?.onEnd();
const onClose = (socket: Socket<ClientConnection>, error?: Error): void =>
  clientOf(socket)?.onClose(error === undefined);
const clientOf = (socket: Socket<ClientConnection>): ClientConnection | undefined => socket.data;
