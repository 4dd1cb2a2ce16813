import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { Fleet } from '../fixtures/fleet/fleet.ts';

setDefaultTimeout(120_000);

const absent = Fleet.absent();

describe.skipIf(absent !== null)('two stacks of three hosts behind a live and a standby HAProxy', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.open();
  });
  afterAll(() => fleet.close());

  test('are renewed one after the other under load by the spec of the example: no request fails, and half of them serve at every moment', async () => {
    const first = await fleet.deploy(1);
    expect([first.exit, first.stderr]).toEqual([0, expect.any(String) as string]);
    await fleet.untilInService('live', 6);
    expect(await fleet.inService('standby')).toEqual([]);
    const load = fleet.load(8, 400);
    fleet.watch();
    const second = fleet.deploy(2);
    const { steps } = await fleet.untilStep(2, 6);
    const kinds: string[] = steps.map(({ kind }) => kind);
    expect(kinds.slice(0, 9)).toEqual([
      ...['ship', 'withdraw', 'drain', 'prepare', 'start', 'health', 'verify', 'rejoin', 'hold'],
    ]);
    await fleet.untilStep(2, 8);
    const mixed = await fleet.shop();
    expect(mixed.versions?.map(({ release, share }) => [release, share]).sort()).toEqual([
      [1, 50],
      [2, 50],
    ]);
    expect((await second).exit).toBe(0);
    const { samples, fewest } = fleet.watched();
    const { requests, failed, byReason } = await load.stop();
    expect([failed, byReason]).toEqual([0, {}]);
    expect(requests).toBeGreaterThan(1000);
    expect(samples).toBeGreaterThan(100);
    expect(fewest).toBeGreaterThanOrEqual(3);
    const { versions, environments } = await fleet.shop();
    expect(versions).toMatchObject([{ release: 2, share: 100 }]);
    expect([environments.blue.role, environments.green.role]).toEqual(['live', 'live']);
    await fleet.untilInService('live', 6);
  });
});

if (absent !== null) test.skip(`a fleet of hosts: ${absent}`, () => undefined);
