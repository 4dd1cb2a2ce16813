import { ptr } from 'bun:ffi';
import { describe, expect, test } from 'bun:test';
import type { TCPSocketListenOptions } from 'bun';
import { formatAddress } from '../../core/address.ts';
import type { Listener } from '../data-plane.ts';
import { libc, linux } from './libc.ts';
import { ListenerSet } from './listener-set.ts';
import { listenOn } from './listening-socket.ts';

/** The system's own bound, which is none unless its administrator has set one. */
function unbind({ fd }: Listener): void {
  expect(libc().setsockopt(fd, linux.IPPROTO_TCP, linux.TCP_NOTSENT_LOWAT, ptr(new Int32Array([0])), 4)).toBe(
    0,
  );
}

/** How many bytes the system takes at once for a client that reads nothing. Closes the listening socket. */
async function takenForOneThatDoesNotRead({ fd, address }: Listener): Promise<number> {
  const taken = Promise.withResolvers<number>();
  const chunk = new Uint8Array(64 * 1024);
  // Bun's types do not know `fd` here.
  const options: TCPSocketListenOptions & { fd: number } = {
    fd,
    hostname: '',
    port: 0,
    socket: {
      open(socket) {
        let sum = 0;
        for (;;) {
          const written = socket.write(chunk);
          sum += Math.max(0, written);
          if (written < chunk.length) break;
        }
        taken.resolve(sum);
      },
      data: () => undefined,
    },
  };
  const server = Bun.listen(options);
  const client = await Bun.connect({
    hostname: address.host,
    port: address.port,
    socket: { open: (socket) => void socket.pause(), data: () => undefined },
  });
  try {
    return await taken.promise;
  } finally {
    client.terminate();
    server.stop(true);
  }
}

/** Twice what the bound and the client's own buffer come to; without the bound it is about 4 MB, or less if the system is short of memory. */
const little = 2 ** 19;

describe('a client that does not read', () => {
  const anywhere = { host: '127.0.0.1', port: 0 };

  test('takes little of the memory of the system', async () => {
    expect(await takenForOneThatDoesNotRead(await listenOn(anywhere))).toBeLessThan(little);
  });

  test('takes as little at an address whose socket came from a former keeper', async () => {
    const inherited = await listenOn(anywhere);
    unbind(inherited);
    const set = new ListenerSet(new Map([[formatAddress(inherited.address), inherited]]));
    expect(set.all()).toEqual([inherited]);
    expect(await takenForOneThatDoesNotRead(inherited)).toBeLessThan(little);
  });
});
