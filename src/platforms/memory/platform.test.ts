import { describe, expect, test } from 'bun:test';
import { systemClock } from '../../clocks/system.ts';
import { CutoverError } from '../../core/errors.ts';
import type { EnvironmentRef } from '../../ports/platform.ts';
import { suiteEnvironments, suiteLayers, testRelease } from '../../testing/platform-release.ts';
import { platformSuite } from '../../testing/platform.suite.ts';
import { createMemoryPlatform, type FaultPoint, type MemoryPlatform } from './platform.ts';

const release = (number: number) =>
  testRelease(number, { kind: 'directory', path: '/nowhere' }, suiteLayers(['true']), {
    environments: suiteEnvironments,
  });
const blue = { service: 'shop', colour: 'blue' } as const;

platformSuite('memory', () => {
  const fault = ({ call, phase }: FaultPoint): void => {
    if (isBroken && call === 'ship' && phase === 'before')
      throw new CutoverError('source-invalid', 'cannot be shipped');
  };
  let isBroken = false;
  let memory: MemoryPlatform = createMemoryPlatform({ clock: systemClock, fault });
  const harness = {
    platform: memory,
    release: (number: number) => {
      isBroken = false;
      return release(number);
    },
    broken: (number: number) => {
      isBroken = true;
      return release(number);
    },
    async reopen() {
      await memory.close();
      memory = createMemoryPlatform({ clock: systemClock, world: memory.world, fault });
      harness.platform = memory;
    },
    crash: (ref: EnvironmentRef, status: { layer: string; index: number }) =>
      memory.crash(ref, status.layer, status.index),
    close: () => memory.close(),
  };
  return Promise.resolve(harness);
});

describe('memory platform', () => {
  test('fails a call before or after it took effect', async () => {
    let at: FaultPoint['phase'] = 'before';
    const platform = createMemoryPlatform({
      clock: systemClock,
      fault: ({ call, phase }) => {
        if (call === 'start' && phase === at) throw new Error(`${phase} start`);
      },
    });
    await platform.ship('shop', release(1));
    const placement = await platform.place(blue, release(1), null);
    expect(platform.start(blue, release(1), placement)).rejects.toThrow('before start');
    expect(await platform.inspect(blue)).toEqual([]);
    at = 'after';
    expect(platform.start(blue, release(1), placement)).rejects.toThrow('after start');
    expect(await platform.inspect(blue)).toHaveLength(3);
    await platform.close();
  });
});
