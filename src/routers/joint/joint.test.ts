import { describe, expect, test } from 'bun:test';
import { JointWorld, rulesKinds, type JointFault } from '../../testing/joint-world.ts';
import { Random } from '../../testing/load/random.ts';

const forMs = 40_000;

async function schedule(seed: number, fault: JointFault | null = null): Promise<JointWorld> {
  const world = new JointWorld(new Random(seed), rulesKinds[seed % rulesKinds.length] ?? 'refuse', fault);
  await world.run(forMs);
  return world;
}

describe('several proxies under one controller, simulated', () => {
  // More of them: npm run simulate -- joint 100000
  test('never begin a request by a former route after a switch, whatever is lost, late, cut off, dead or frozen', async () => {
    let switches = 0;
    for (let seed = 1; seed <= 120; seed++) {
      const world = await schedule(seed);
      expect({ seed, violations: world.violations }).toEqual({ seed, violations: [] });
      switches += world.switches;
    }
    // Nothing is shown by schedules in which nothing is switched.
    expect(switches).toBeGreaterThan(100);
  });

  for (const fault of [
    'promise-not-on-disk',
    'hold-ends-by-the-old-route',
    'commit-before-the-decision',
    'leases-are-not-waited-for',
    'the-decision-is-not-fenced',
    'starts-without-asking',
  ] as const)
    test(`a simulation finds the fault "${fault}"`, async () => {
      for (let seed = 1; seed <= 2000; seed++) {
        const { violations } = await schedule(seed, fault);
        if (violations.length > 0) return;
      }
      throw new Error('expected a violation in one of 2000 schedules, found none');
    });
});
