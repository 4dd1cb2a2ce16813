import { expect, test } from 'bun:test';
import { connect as connectTls } from 'node:tls';
import { offeredProtocols } from './client-hello.ts';

/** What a client that really speaks TLS sends first. */
async function helloOf(protocols: string[], servername = 'shop.example'): Promise<Uint8Array> {
  const first = Promise.withResolvers<Uint8Array>();
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { data: (_socket, bytes) => first.resolve(new Uint8Array(bytes)) },
  });
  const client = connectTls({
    host: '127.0.0.1',
    port: server.port,
    servername,
    ...(protocols.length > 0 ? { ALPNProtocols: protocols } : {}),
  });
  client.on('error', () => undefined);
  try {
    return await first.promise;
  } finally {
    client.destroy();
    server.stop(true);
  }
}

test('the protocols of a hello are read, in their order', async () => {
  expect(offeredProtocols(await helloOf(['acme-tls/1']))).toEqual(['acme-tls/1']);
  expect(offeredProtocols(await helloOf(['h2', 'http/1.1']))).toEqual(['h2', 'http/1.1']);
  expect(offeredProtocols(await helloOf([]))).toEqual([]);
});

test('a hello in parts is not known before it is whole, wherever it is cut', async () => {
  const hello = await helloOf(['acme-tls/1']);
  for (let length = 0; length < hello.length; length++)
    expect(offeredProtocols(hello.subarray(0, length))).toBeUndefined();
});

test('a hello in several records is read as one', async () => {
  const hello = await helloOf(['acme-tls/1']);
  const body = hello.subarray(5);
  const records = [body.subarray(0, 2), body.subarray(2, 90), body.subarray(90)].map((part) =>
    Buffer.concat([Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part]),
  );
  expect(offeredProtocols(Buffer.concat(records))).toEqual(['acme-tls/1']);
});

test('what is no hello offers nothing', () => {
  expect(offeredProtocols(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))).toEqual([]);
  expect(offeredProtocols(Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]))).toEqual([]);
  // One that says to be longer than any that is meant well is not waited for.
  const endless = Buffer.alloc(16_384, 1);
  endless.set([22, 3, 1, 255, 255, 1, 255, 255, 255]);
  expect(offeredProtocols(endless)).toEqual([]);
});

test('a hello with any octet changed is read without harm', async () => {
  const hello = await helloOf(['acme-tls/1']);
  for (let at = 0; at < hello.length; at++)
    for (const octet of [0, 255]) {
      const broken = new Uint8Array(hello);
      broken[at] = octet;
      const offered = offeredProtocols(broken);
      expect(offered === undefined || Array.isArray(offered)).toBe(true);
    }
});
