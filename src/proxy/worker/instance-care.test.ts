import { describe, expect, test } from 'bun:test';
import { formatAddress } from '../../core/address.ts';
import { instanceKey } from '../table/instance-key.ts';
import { defaultPolicy, InstanceCare } from './instance-care.ts';
import { answering, get, ok, type Origin, Rig } from './rig.fixture.ts';

const policy = { ...defaultPolicy, failures: 3, windowMs: 1000, ejectForMs: 100, slowStartMs: 1000 };

describe('an instance', () => {
  test('is ejected by failures in a row within the window', () => {
    const care = new InstanceCare();
    expect([0, 900, 1000].map((at) => care.strike(at, policy))).toEqual([false, false, true]);
    const slower = new InstanceCare();
    expect([0, 900, 1001, 1002, 1003].map((at) => slower.strike(at, policy))).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
  });
  test('is ejected for a time that doubles, up to five minutes, and begins anew after a good time', () => {
    const care = new InstanceCare();
    const ejectedFor = (now: number): number => {
      care.eject(now, policy);
      let end = now;
      while (care.passedOver(end)) end += 50;
      return end - now;
    };
    expect(ejectedFor(10_000)).toBe(100);
    expect(ejectedFor(10_200)).toBe(200);
    expect(ejectedFor(10_500)).toBe(400);
    expect(ejectedFor(20_000)).toBe(100);
    for (let n = 0; n < 30; n++) care.eject(20_200 + n, policy);
    expect(care.passedOver(20_229 + 299_999)).toBe(true);
    expect(care.passedOver(20_229 + 300_000)).toBe(false);
  });
  test('that comes back has a tenth of its share at first and the whole at last', () => {
    const care = new InstanceCare();
    care.ramp(0, 1000);
    expect(care.load(0, 0)).toBe(9);
    expect(care.load(0, 500)).toBe(1);
    expect(care.load(3, 500)).toBe(7);
    expect(care.load(3, 1000)).toBe(3);
    expect(care.steady).toBe(true);
  });
  test('that is sick comes after one that is ejected, and that after one that refused a connection', () => {
    const [sick, ejected, refused] = [new InstanceCare(), new InstanceCare(), new InstanceCare()];
    sick.sicken(true, 0, policy);
    ejected.eject(0, policy);
    refused.avoid(10);
    const loads = [refused, ejected, sick].map((care) => care.load(1000, 5));
    expect(loads).toEqual(loads.toSorted((a, b) => a - b));
  });
});

describe('two instances, of which one', () => {
  const counted = (origin: Origin): number =>
    origin.wires.reduce((sum, { count }) => sum + Number(count > 0), 0);
  async function ask(rig: Rig, times: number): Promise<number[]> {
    const client = await rig.connect();
    const statuses: number[] = [];
    for (let n = 0; n < times; n++) statuses.push((await client.send(get()).response()).status);
    return statuses;
  }
  const bad = 'HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n';
  const eager = { ...policy, slowStartMs: 0, ejectForMs: 60_000 };

  test('answers with 500 again and again, is ejected', async () => {
    await using rig = await Rig.start();
    const origins = [rig.origin(answering(bad)), rig.origin(answering(ok('x')))];
    rig.route({ blue: origins.map(({ address }) => address), instancePolicy: eager });
    const statuses = await ask(rig, 40);
    expect(statuses.filter((status) => status === 500)).toHaveLength(3);
    expect(statuses.slice(10)).not.toContain(500);
    expect(rig.side().ejected).toBe(1);
  });
  test('answers with 500 now and then, is not', async () => {
    await using rig = await Rig.start();
    let turn = 0;
    const origins = [
      rig.origin(answering(() => (turn++ % 3 === 2 ? ok('x') : bad))),
      rig.origin(answering(ok('x'))),
    ];
    rig.route({ blue: origins.map(({ address }) => address), instancePolicy: eager });
    expect((await ask(rig, 60)).filter((status) => status === 500)).toHaveLength(20);
    expect(rig.side().ejected).toBe(0);
  });
  test('or the other does badly: one of them stays', async () => {
    await using rig = await Rig.start();
    const origins = [rig.origin(answering(bad)), rig.origin(answering(bad))];
    rig.route({ blue: origins.map(({ address }) => address), instancePolicy: eager });
    expect(new Set(await ask(rig, 40))).toEqual(new Set([500]));
    expect(rig.side().ejected).toBe(1);
  });
  test('is sick gets no new requests until it is healthy; if both are, they get them', async () => {
    await using rig = await Rig.start();
    const origins = [rig.origin(answering(ok('a'))), rig.origin(answering(ok('b')))];
    const [first, second] = origins.map(({ address }) =>
      instanceKey('shop', 'blue', 1, formatAddress(address)),
    );
    rig.route({ blue: origins.map(({ address }) => address), instancePolicy: eager });
    rig.plane.sicken([first!]);
    expect(new Set(await ask(rig, 10))).toEqual(new Set([200]));
    expect(origins.map(counted)).toEqual([0, 1]);
    rig.plane.sicken([first!, second!]);
    expect(new Set(await ask(rig, 10))).toEqual(new Set([200]));
    expect(origins.map(counted)).toEqual([1, 1]);
    rig.plane.sicken([]);
    expect(new Set(await ask(rig, 10))).toEqual(new Set([200]));
  });
});
