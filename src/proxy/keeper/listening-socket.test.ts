import { describe, expect, test } from 'bun:test';
import { listenOnDescriptor } from '../../../test/fixtures/descriptor.ts';
import { readdirSync } from 'node:fs';
import { CutoverError } from '../../core/errors.ts';
import { kernelListeners } from './address-holder.ts';
import { closeDescriptor } from './libc.ts';
import { listenOn } from './listening-socket.ts';

async function refusal(host: string, port: number): Promise<CutoverError> {
  try {
    closeDescriptor((await listenOn({ host, port })).fd);
  } catch (error) {
    if (error instanceof CutoverError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe('listening socket', () => {
  test.each(['127.0.0.1', '::1', 'localhost'])(
    'connections to %s wait in its queue until somebody accepts',
    async (host) => {
      const { address, fd } = await listenOn({ host, port: 0 });
      expect(address.port).toBeGreaterThan(0);
      const received = Promise.withResolvers<string>();
      const client = await Bun.connect({
        hostname: host,
        port: address.port,
        socket: { data: (_, bytes) => received.resolve(bytes.toString()) },
      });
      const server = listenOnDescriptor(fd, 'late');
      expect(await received.promise).toBe('late');
      client.end();
      server.stop(true);
    },
  );

  test('a taken address is refused by the name and process of who has it, and nothing stays open', async () => {
    const holder = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
    const before = openDescriptors();
    const error = await refusal('127.0.0.1', holder.port);
    expect(error.code).toBe('address-in-use');
    expect(error.message).toContain(`127.0.0.1:${holder.port}`);
    expect(error.detail['pid']).toBe(process.pid);
    expect(openDescriptors()).toBe(before);
    holder.stop(true);
  });

  test('an address that this machine has not is refused with what to do', async () => {
    const error = await refusal('192.0.2.1', 8080);
    expect(error.code).toBe('address-refused');
    expect(error.next).toContain('0.0.0.0');
  });

  test('a name without an address is refused', async () => {
    expect((await refusal('no-such-host.invalid', 8080)).code).toBe('address-refused');
  });
});

test("the kernel's list of sockets is read, and lines of another form are passed over", () => {
  const text = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0000 100 0 0 10 0',
    '   1: 0100007F:1F91 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 4243 1 0000 100 0 0 10 0',
    'nonsense',
  ].join('\n');
  expect(kernelListeners(text)).toEqual([{ hexHost: '0100007F', port: 8080, inode: 4242 }]);
});
