import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { listenOnDescriptor } from '../../../test/fixtures/descriptor.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInbox, sendDescriptors } from './descriptor-passing.ts';
import { closeDescriptor } from './libc.ts';
import { listenOn } from './listening-socket.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cutover inbox '));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('descriptor passing', () => {
  test('a listening socket goes on under another descriptor after its first owner has closed it', async () => {
    const path = join(directory, 'a.sock');
    const inbox = openInbox(path);
    expect(inbox.receive()).toBeNull();
    const { address, fd } = await listenOn({ host: '127.0.0.1', port: 0 });
    const other = await listenOn({ host: '127.0.0.1', port: 0 });
    sendDescriptors(path, 'here', [fd, other.fd]);
    closeDescriptor(fd);
    closeDescriptor(other.fd);
    const message = inbox.receive();
    expect(message?.text).toBe('here');
    const [first = -1, second = -1] = message?.fds ?? [];
    const server = listenOnDescriptor(first, 'hello');
    const response = Promise.withResolvers<string>();
    await Bun.connect({
      hostname: '127.0.0.1',
      port: address.port,
      socket: { data: (_, bytes) => response.resolve(bytes.toString()) },
    });
    expect(await response.promise).toBe('hello');
    server.stop(true);
    closeDescriptor(second);
    inbox.close();
  });

  test('a text without descriptors arrives with none', () => {
    const path = join(directory, 'b.sock');
    const inbox = openInbox(path);
    sendDescriptors(path, 'bye', []);
    expect(inbox.receive()).toEqual({ text: 'bye', fds: [] });
    inbox.close();
  });

  test('nobody there is an error by the name of the reason', () => {
    expect(() => sendDescriptors(join(directory, 'absent.sock'), 'x', [])).toThrow('sendmsg: ENOENT');
  });
});
