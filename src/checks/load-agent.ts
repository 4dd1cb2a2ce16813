import { Agent as PlainAgent, type ClientRequestArgs } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely, type ConnectionOptions } from 'node:tls';
import { ownHeader, type ProxyVersion } from '../core/proxy-header.ts';

type Made = (error: Error | null, socket: Socket) => void;

/** Connects, sends the PROXY header, and only then tells of the connection. */
function greet({ host, port }: ClientRequestArgs, version: ProxyVersion, made: Made): void {
  const socket = connect({ host: host ?? '127.0.0.1', port: Number(port) });
  const failed = (error: Error): void => made(error, socket);
  socket.once('error', failed);
  socket.once('connect', () => {
    socket.write(ownHeader(version), (error) => {
      socket.off('error', failed);
      made(error ?? null, socket);
    });
  });
}

/** What keeps the connections of a load; with `sendProxy` each begins with a PROXY header, before TLS, that tells of no client. */
export function agentFor(secure: ConnectionOptions | null, sendProxy: ProxyVersion | undefined): PlainAgent {
  const agent =
    secure === null ? new PlainAgent({ keepAlive: true }) : new SecureAgent({ ...secure, keepAlive: true });
  if (sendProxy === undefined) return agent;
  agent.createConnection = (options, callback) => {
    greet(options, sendProxy, (error, socket) => {
      if (error !== null || secure === null) callback?.(error, socket);
      else callback?.(null, connectSecurely({ ...secure, socket }));
    });
    return undefined;
  };
  return agent;
}
