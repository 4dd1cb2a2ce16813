import { join } from 'node:path';
import { z } from 'zod';
import type { ProxyCase } from './case.ts';
import { hosts } from './hosts.ts';
import { idleMemory } from './idle-memory.ts';
import { h2load, rawLoad, wrk, type Load, type LoadResult } from './load.ts';
import type { PeerWishes } from './peer.ts';
import { sideBySide } from './side-by-side.ts';
import { switchLatency } from './switch-latency.ts';

const Echoed = z.object({ requests: z.number(), requestsPerSecond: z.number(), p99Ms: z.number() });

const webSockets =
  (connections: number): Load =>
  async (address, seconds, signal): Promise<LoadResult> => {
    for await (const line of rawLoad('echo', address, [connections, seconds], signal).lines)
      return Echoed.parse(line);
    throw new Error('the load said nothing');
  };

/** A certificate for the loopback address that nobody signed but itself. */
async function certificate(directory: string): Promise<PeerWishes> {
  const [cert, key, both] = ['cert.pem', 'key.pem', 'both.pem'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const request = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-subj', '/CN=bench'];
  const made = Bun.spawn(
    [
      ...['openssl', 'req', '-x509', '-nodes', '-days', '2', ...request],
      ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const said = await new Response(made.stderr).text();
  if ((await made.exited) !== 0) throw new Error(`openssl made no certificate: ${said}`);
  await Bun.write(both, `${await Bun.file(cert).text()}${await Bun.file(key).text()}`);
  return { tls: { cert, key, both } };
}

export const cases: readonly ProxyCase[] = [
  sideBySide({
    key: 'keep-alive',
    name: 'HTTP/1.1 keep-alive, 1 KB',
    load: wrk({}),
    limits: { haproxy: 0.9, nginx: 1.0, caddy: 0.25 },
  }),
  sideBySide({
    key: 'tls',
    name: 'TLS 1.3 keep-alive, 1 KB',
    load: wrk({ tls: true }),
    limits: { haproxy: 0.95 },
    place: certificate,
  }),
  sideBySide({
    key: 'http2',
    name: 'HTTP/2 over TLS 1.3, 8 connections with 16 requests each, 1 KB',
    load: h2load(8, 16),
    limits: { haproxy: 1.0 },
    place: async (directory) => ({ ...(await certificate(directory)), http2: true }),
  }),
  sideBySide({
    key: 'large-response',
    name: '100 KB response',
    load: wrk({ path: '/large' }),
    limits: { haproxy: 1.0 },
  }),
  sideBySide({
    key: 'upload',
    name: '1 MB upload',
    load: wrk({ path: '/upload', connections: 16, uploadBytes: 1024 * 1024 }),
    limits: { haproxy: 1.0 },
  }),
  sideBySide({
    key: 'new-connection',
    name: 'a new connection for each request',
    load: wrk({ close: true }),
    limits: { haproxy: 1.0 },
  }),
  sideBySide({
    key: 'websockets',
    name: '1,000 WebSockets echoing',
    load: webSockets(1000),
    limits: { haproxy: 1.0 },
  }),
  hosts,
  idleMemory,
  switchLatency,
];
