import { describe, expect, test } from 'bun:test';
import { connectionCap, descriptorLimit } from './connection-cap.ts';
import { answering, get, ok, Rig } from './rig.fixture.ts';

test('a worker takes half as many clients as it has descriptors, so that each may have an instance', () => {
  expect(connectionCap(1024)).toBe(480);
  expect(connectionCap(65_536)).toBe(32_736);
  expect(connectionCap(20)).toBe(16);
  expect(connectionCap(2 ** 30)).toBe(1_000_000);
  expect(descriptorLimit()).toBeGreaterThan(0);
});

describe('a worker that has as many clients as it may have', () => {
  test('answers one more by 503 and closes it; the others go on', async () => {
    await using rig = await Rig.with(answering(ok('x')), { connections: 8, drainIdleMs: 60_000 });
    const wires = await Promise.all(Array.from({ length: 8 }, () => rig.connect()));
    for (const wire of wires) expect((await wire.send(get()).response()).status).toBe(200);
    const more = await rig.connect();
    expect((await more.send(get()).response()).status).toBe(503);
    await more.gone();
    expect(rig.refused()).toEqual({ 503: 1 });
    for (const wire of wires) expect((await wire.send(get()).response()).status).toBe(200);
  });
  test('closes those that are idle early', async () => {
    await using rig = await Rig.with(answering(ok('x')), { connections: 8, drainIdleMs: 50 });
    const wires = await Promise.all(Array.from({ length: 8 }, () => rig.connect()));
    for (const wire of wires) expect((await wire.send(get()).response()).status).toBe(200);
    // Those that have been idle for the shortest time may stay: then it is not crowded any more.
    await Promise.any(wires.map((wire) => wire.gone()));
    expect((await (await rig.connect()).send(get()).response()).status).toBe(200);
  });
  test('sends more whole connections away without a word', async () => {
    await using rig = await Rig.start({ connections: 2 });
    rig.route({ blue: [rig.origin(() => undefined).address], protocol: 'tcp' });
    await Promise.all([rig.connect(), rig.connect()]);
    await rig.when(() => rig.side().inFlight === 2, 'begun');
    await rig.connect().then(
      (wire) => wire.gone(),
      () => undefined,
    );
    expect(rig.refused()).toEqual({ 503: 1 });
  });
});
