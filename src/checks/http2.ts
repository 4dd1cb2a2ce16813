import { connect, type ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { bodyLimitBytes } from './http-response.ts';

/** A request as it goes over HTTP/2. */
export interface Http2Question {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly secure: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** Who asked. What is called after the first answer or failure says nothing more. */
export interface Http2Asker {
  /** The head has come; true if the body is wanted as well. */
  head(status: number, fields: ReadonlyMap<string, string>): boolean;
  /** `whole`: it was not too long to be read. */
  body(status: number, body: Buffer, whole: boolean): void;
  failed(why: string): void;
}

/** Belong to a connection of HTTP/1.1 (RFC 9113 §8.2.2), or are said otherwise in HTTP/2. */
const left = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'host', 'te'],
  'content-length',
]);

/** One request over HTTP/2 on a socket that is connected. The session ends with its socket; a socket that closes is not told. */
export function askHttp2(socket: Socket, question: Http2Question, asker: Http2Asker): void {
  const { method, path, authority, secure, headers } = question;
  const session: ClientHttp2Session = connect(`${secure ? 'https' : 'http'}://${authority}`, {
    createConnection: () => socket,
  });
  const fail = (error: Error): void => asker.failed(error.message);
  session.on('error', fail);
  const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const stream = session.request(
    {
      ':method': method,
      ':path': path,
      ':scheme': secure ? 'https' : 'http',
      ':authority': given.find(([name]) => name === 'host')?.[1] ?? authority,
      'user-agent': 'cutover-check',
      accept: '*/*',
      ...Object.fromEntries(given.filter(([name]) => !left.has(name))),
    },
    { endStream: true },
  );
  stream.on('error', fail);
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('response', (fields) => {
    const status = Number(fields[':status'] ?? 0);
    const named = Object.entries(fields).map(([name, value]) => [name, String(value)] as const);
    if (!asker.head(status, new Map(named))) return;
    stream.on('data', (chunk: Buffer) => {
      if (bytes > bodyLimitBytes) return;
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bodyLimitBytes)
        asker.body(status, Buffer.concat(chunks).subarray(0, bodyLimitBytes), false);
    });
    stream.on('end', () => {
      if (bytes <= bodyLimitBytes) asker.body(status, Buffer.concat(chunks), true);
    });
  });
}
