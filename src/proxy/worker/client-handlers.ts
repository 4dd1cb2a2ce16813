import type { Socket, SocketHandler } from 'bun';
import { ClientConnection, type ListeningPoint } from './client-connection.ts';
import type { Plane } from './plane.ts';

/** What a listener does with the sockets of clients. */
export const handlersOf = (plane: Plane, point: ListeningPoint): SocketHandler<ClientConnection> => ({
  open(opened: Socket<ClientConnection>) {
    opened.data = new ClientConnection(plane, point, opened);
    if (point.limits.clientConnections > 0) opened.data.countFor(point.limits.clientConnections);
    if (point.entry?.raw === true) opened.data.relay();
  },
  data: onData,
  drain: onDrain,
  end: onEnd,
  close: onClose,
  error: onError,
});

// One function each for all connections: what differs is in `socket.data`.
const onData = (socket: Socket<ClientConnection>, bytes: Uint8Array): void => socket.data.onData(bytes);
const onDrain = (socket: Socket<ClientConnection>): void => socket.data.onDrain();
const onEnd = (socket: Socket<ClientConnection>): void => socket.data.onEnd();
const onClose = (socket: Socket<ClientConnection>, error?: Error): void =>
  socket.data.onClose(error === undefined);
const onError = (socket: Socket<ClientConnection>, error: Error): void => {
  socket.data.plane.defect(error);
  socket.terminate();
};
