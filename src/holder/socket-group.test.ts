import { afterEach, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { duplicateDescriptor } from '../proxy/keeper/libc.ts';
import { listenOnDescriptor } from '../../test/fixtures/descriptor.ts';
import { sourceOf } from './slots.ts';
import { SocketGroup, waitingOn } from './socket-group.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function group(count: number): Promise<SocketGroup> {
  const opened = await SocketGroup.open({ host: '127.0.0.1', port: 0 }, count);
  stops.push(() => opened.end());
  return opened;
}
const accept = ({ fds }: SocketGroup, slot: number): void => {
  const program = listenOnDescriptor(duplicateDescriptor(fds[slot]!), String(slot));
  stops.push(() => program.stop(true));
};
/** A program that shares its address with whoever wants. */
const sharer = (port: number) =>
  Bun.serve({ hostname: '127.0.0.1', port, reusePort: true, fetch: () => new Response('stranger') });
/** Who answers, from this source. */
const ask = ({ address }: SocketGroup, localAddress?: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ ...address, ...(localAddress === undefined ? {} : { localAddress }) });
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString());
    });
  });

test('each new connection goes where the last order says, and those of a check where they are meant to', async () => {
  const sockets = await group(5);
  for (const slot of [1, 2, 3, 4]) accept(sockets, slot);
  for (let round = 0; round < 50; round++) {
    const live = 1 + (round % 4);
    sockets.steer([live]);
    expect(await ask(sockets)).toBe(String(live));
    expect(await ask(sockets, sourceOf(1 + ((round + 1) % 4)))).toBe(String(1 + ((round + 1) % 4)));
  }
});

test('several get equal parts, and those that are not live none', async () => {
  const sockets = await group(7);
  for (const slot of [1, 2, 3, 5]) accept(sockets, slot);
  sockets.steer([1, 3, 5]);
  const counted: Record<string, number> = {};
  for (let n = 0; n < 300; n++) {
    const slot = await ask(sockets);
    counted[slot] = (counted[slot] ?? 0) + 1;
  }
  expect(Object.keys(counted)).toEqual(['1', '3', '5']);
  // By chance, so not exactly: this far off it is once in a million times.
  for (const count of Object.values(counted)) expect(count).toBeWithin(60, 141);
});

test('what nobody accepts waits, and is counted; sockets that are added get their numbers after the others', async () => {
  const sockets = await group(3);
  sockets.steer([1]);
  const waiting = ask(sockets);
  while (waitingOn(sockets.fds[1]!) === 0) await Bun.sleep(1);
  sockets.grow(5);
  accept(sockets, 1);
  expect(await waiting).toBe('1');
  accept(sockets, 4);
  sockets.steer([4]);
  expect(await ask(sockets)).toBe('4');
});

test('one that joins the address gets nothing, and no socket is added after it', async () => {
  const sockets = await group(3);
  accept(sockets, 1);
  sockets.steer([1]);
  const stranger = sharer(sockets.address.port);
  stops.push(() => void stranger.stop(true));
  for (let n = 0; n < 20; n++) expect(await ask(sockets)).toBe('1');
  expect(() => sockets.grow(5)).toThrow('found another one that listens there');
  expect(sockets.fds).toHaveLength(3);
  expect(await ask(sockets)).toBe('1');
});

test('an address that somebody has is refused, also if that one would share it', async () => {
  const stranger = sharer(0);
  stops.push(() => void stranger.stop(true));
  const opened = SocketGroup.open({ host: '127.0.0.1', port: stranger.port ?? 0 }, 3);
  expect(await opened.catch((error: unknown) => error)).toMatchObject({ code: 'address-in-use' });
});

test('where it is ended, who comes is refused, whoever else has a copy', async () => {
  const sockets = await group(3);
  accept(sockets, 1);
  sockets.steer([1]);
  expect(await ask(sockets)).toBe('1');
  sockets.end();
  expect(String(await ask(sockets).catch((error: unknown) => error))).toContain('ECONNREFUSED');
});
