import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { formatAddress } from '../core/address.ts';
import type { Placement } from '../core/placement.ts';
import type { Release } from '../core/release.ts';
import { CutoverError, type ErrorCode } from '../core/errors.ts';
import type { EnvironmentRef, InstanceStatus, Platform } from '../ports/platform.ts';

/** What the suite needs of a driver: an empty platform, and releases that it can run. */
export interface PlatformHarness {
  platform: Platform;
  /**
   * A release of the service `shop` whose layers are `web` (2 instances) and `worker` (1), with no fixed port, which restart 10 ms
   * after a crash, and have the variable COLOUR_IS, set to the colour for each.
   */
  release(number: number): Release;
  /** One that cannot be shipped. */
  broken(number: number): Release;
  /** What the caller's restart does: the platform is closed, and another takes its place in `platform`, on what is left. Nothing is adopted yet. */
  reopen(): Promise<void>;
  /** Has the process of an instance end badly. */
  crash(environment: EnvironmentRef, instance: InstanceStatus): void;
  close(): Promise<void>;
}

/** Waits for what nobody announces. */
export async function until<T>(look: () => Promise<T | false | null | undefined>, what: string): Promise<T> {
  const end = performance.now() + 5000;
  for (;;) {
    const found = await look();
    if (found !== false && found !== null && found !== undefined) return found;
    if (performance.now() > end) throw new Error(`waited 5 s for ${what}`);
    await Bun.sleep(5);
  }
}

export async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | 'none'> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    if (error instanceof CutoverError) return error.code;
    throw error;
  }
}

const blue: EnvironmentRef = { service: 'shop', colour: 'blue' };
const green: EnvironmentRef = { service: 'shop', colour: 'green' };
const addresses = (placement: Placement): string[] =>
  placement.instances.map(({ address }) => formatAddress(address));
const pids = (statuses: readonly InstanceStatus[]): (number | null)[] => statuses.map((status) => status.pid);

/** The contract of the port `Platform` (src/ports/platform.ts), as tests. Every driver runs it. */
export function platformSuite(name: string, makeHarness: () => Promise<PlatformHarness>): void {
  describe(`platform ${name}`, () => {
    let harness: PlatformHarness;
    beforeEach(async () => {
      harness = await makeHarness();
    });
    afterEach(() => harness.close());

    /** Ships, places and starts; returns the placement. */
    const bringUp = async (ref: EnvironmentRef, release: Release): Promise<Placement> => {
      await harness.platform.ship('shop', release);
      const placement = await harness.platform.place(ref, release, null);
      await harness.platform.start(ref, release, placement);
      return placement;
    };

    test('places every instance, each at an address of its own, and the colours apart', async () => {
      const onBlue = await harness.platform.place(blue, harness.release(1), null);
      const onGreen = await harness.platform.place(green, harness.release(1), null);
      expect(onBlue.instances.map(({ layer, index }) => `${layer}-${index}`)).toEqual([
        'web-0',
        'web-1',
        'worker-0',
      ]);
      const all = [...addresses(onBlue), ...addresses(onGreen)];
      expect(new Set(all).size).toBe(6);
      const ports = [...onBlue.instances, ...onGreen.instances].map(({ address }) => address.port);
      expect(new Set(ports).size).toBe(6);
    });

    test('keeps a placement that still fits, also while it is in use', async () => {
      const first = await bringUp(blue, harness.release(1));
      expect(await harness.platform.place(blue, harness.release(2), first)).toEqual(first);
    });

    test('ships a release once: the same answer ever after', async () => {
      const first = await harness.platform.ship('shop', harness.release(1));
      expect(first.digest).toMatch(/^[0-9a-f]{64}$/);
      expect(await harness.platform.ship('shop', harness.release(1))).toEqual(first);
      await harness.reopen();
      expect(await harness.platform.ship('shop', harness.release(1))).toEqual(first);
    });

    test('leaves nothing of a release that could not be shipped', async () => {
      expect(await codeOf(harness.platform.ship('shop', harness.broken(1)))).not.toBe('none');
      expect(await harness.platform.prune('shop', [])).toEqual([]);
      await harness.platform.ship('shop', harness.release(1));
      expect(await harness.platform.prune('shop', [])).toEqual([1]);
    });

    test('ships nothing when it is aborted', async () => {
      expect(await codeOf(harness.platform.ship('shop', harness.release(1), AbortSignal.abort()))).toBe(
        'aborted',
      );
      expect(await harness.platform.prune('shop', [])).toEqual([]);
    });

    test('starts every instance where it was placed', async () => {
      const placement = await bringUp(blue, harness.release(1));
      const statuses = await harness.platform.inspect(blue);
      expect(statuses.map(({ layer, index, address }) => ({ layer, index, address }))).toEqual(
        placement.instances,
      );
      for (const status of statuses) {
        expect(status).toMatchObject({ release: 1, state: 'running', restarts: 0, lastExit: null });
        expect(status.pid).toBeNumber();
        expect(status.startedAt).toBeNumber();
      }
      expect(await harness.platform.inspect(green)).toEqual([]);
    });

    test('refuses to start what was not shipped', async () => {
      const placement = await harness.platform.place(blue, harness.release(1), null);
      expect(await codeOf(harness.platform.start(blue, harness.release(1), placement))).toBe(
        'release-unknown',
      );
      expect(await harness.platform.inspect(blue)).toEqual([]);
    });

    test('leaves instances that are up when it is told to start again, one call after the other or at once', async () => {
      const placement = await bringUp(blue, harness.release(1));
      const before = await harness.platform.inspect(blue);
      await Promise.all([1, 2, 3].map(() => harness.platform.start(blue, harness.release(1), placement)));
      expect(await harness.platform.inspect(blue)).toEqual(before);
    });

    test('replaces instances of another release', async () => {
      const placement = await bringUp(blue, harness.release(1));
      const before = pids(await harness.platform.inspect(blue));
      await harness.platform.ship('shop', harness.release(2));
      await harness.platform.start(blue, harness.release(2), placement);
      const after = await harness.platform.inspect(blue);
      expect(after.map((status) => status.release)).toEqual([2, 2, 2]);
      for (const pid of pids(after)) expect(before).not.toContain(pid);
    });

    test('stops everything of one environment and nothing of the other; stopping again does nothing', async () => {
      await bringUp(blue, harness.release(1));
      await bringUp(green, harness.release(1));
      const onGreen = await harness.platform.inspect(green);
      await harness.platform.stop(blue);
      await harness.platform.stop(blue);
      expect(await harness.platform.inspect(blue)).toEqual([]);
      expect(await harness.platform.inspect(green)).toEqual(onGreen);
    });

    test('stops what was never started', async () => {
      await harness.platform.stop(green);
      expect(await harness.platform.inspect(green)).toEqual([]);
    });

    test('starts again what was stopped', async () => {
      const placement = await bringUp(blue, harness.release(1));
      await harness.platform.stop(blue);
      await harness.platform.start(blue, harness.release(1), placement);
      expect((await harness.platform.inspect(blue)).map((status) => status.state)).toEqual([
        'running',
        'running',
        'running',
      ]);
    });

    test('starts a crashed instance again, and tells how it ended', async () => {
      await bringUp(blue, harness.release(1));
      const [first, second] = await harness.platform.inspect(blue);
      if (!first) throw new Error('nothing was started');
      harness.crash(blue, first);
      const again = await until(async () => {
        const [status] = await harness.platform.inspect(blue);
        return status?.state === 'running' && status.restarts === 1 && status;
      }, 'the restart');
      expect(again.pid).not.toBe(first.pid);
      expect(again.lastExit).toMatch(/^(exit code \d+|signal SIG[A-Z]+)$/);
      expect((await harness.platform.inspect(blue))[1]).toEqual(second as InstanceStatus);
    });

    test('does not start again what crashes while it is being stopped', async () => {
      await bringUp(blue, harness.release(1));
      const statuses = await harness.platform.inspect(blue);
      for (const status of statuses) harness.crash(blue, status);
      await harness.platform.stop(blue);
      await Bun.sleep(30); // longer than the wait before a restart: what must not come announces nothing
      expect(await harness.platform.inspect(blue)).toEqual([]);
    });

    test('adopts what runs, each instance with its process', async () => {
      const placement = await bringUp(blue, harness.release(1));
      const before = await harness.platform.inspect(blue);
      await harness.reopen();
      await harness.platform.adopt();
      expect(await harness.platform.inspect(blue)).toEqual(before);
      await harness.platform.start(blue, harness.release(1), placement);
      expect(await harness.platform.inspect(blue)).toEqual(before);
      await harness.platform.stop(blue);
      expect(await harness.platform.inspect(blue)).toEqual([]);
    });

    test('restarts an adopted instance that crashes, and one that was gone before', async () => {
      await bringUp(blue, harness.release(1));
      await harness.reopen();
      const [first, second] = await harness.platform.inspect(blue);
      if (!first || !second) throw new Error('nothing was started');
      harness.crash(blue, first);
      await harness.platform.adopt();
      harness.crash(blue, second);
      await until(async () => {
        const statuses = await harness.platform.inspect(blue);
        const states = statuses.map(({ state, restarts }) => `${state} ${restarts}`);
        return states.join() === 'running 1,running 1,running 0';
      }, 'both restarts');
    });

    test('finds what runs without being told to adopt', async () => {
      const placement = await bringUp(blue, harness.release(1));
      const before = await harness.platform.inspect(blue);
      await harness.reopen();
      await harness.platform.start(blue, harness.release(1), placement);
      expect(await harness.platform.inspect(blue)).toEqual(before);
      await harness.reopen();
      await harness.platform.stop(blue);
      expect(await harness.platform.inspect(blue)).toEqual([]);
    });

    test('shows the last lines of the release that runs, and after a stop of the one that ran last', async () => {
      const placement = await bringUp(blue, harness.release(1));
      await harness.platform.ship('shop', harness.release(2));
      await harness.platform.start(blue, harness.release(2), placement);
      await harness.platform.stop(blue);
      const { lines, release } = await harness.platform.logs(blue, { lines: 50 });
      expect(release).toBe(2);
      const texts = lines.map((line) => line.text).join('\n');
      expect(texts).toContain('release 2');
      expect(texts).not.toContain('release 1');
      expect(new Set(lines.map(({ layer, index }) => `${layer}-${index}`))).toEqual(
        new Set(['web-0', 'web-1', 'worker-0']),
      );
      expect((await harness.platform.logs(blue, { lines: 1, layer: 'worker' })).lines).toHaveLength(1);
      expect((await harness.platform.logs(blue, { lines: 0 })).lines).toEqual([]);
      expect(await harness.platform.logs(green, { lines: 10 })).toMatchObject({ release: null, lines: [] });
      await harness.reopen();
      expect((await harness.platform.logs(blue, { lines: 50 })).lines).toEqual(lines);
    });

    test('gives a follower every line once, in order, over crashes, restarts of the caller and releases', async () => {
      const placement = await harness.platform.place(blue, harness.release(1), null);
      let { next } = await harness.platform.logs(blue, { lines: 10, layer: 'worker' });
      const seen: string[] = [];
      const follow = async (lines: number): Promise<void> => {
        for (let more = true; more;) {
          const logs = await harness.platform.logs(blue, { lines, layer: 'worker', after: next });
          expect(logs.lines.length).toBeLessThanOrEqual(lines);
          seen.push(...logs.lines.map(({ text }) => text));
          ({ next, more } = logs);
        }
      };
      await harness.platform.ship('shop', harness.release(1));
      await harness.platform.start(blue, harness.release(1), placement);
      await follow(1);
      const worker = (await harness.platform.inspect(blue)).find(({ layer }) => layer === 'worker');
      if (!worker) throw new Error('nothing was started');
      harness.crash(blue, worker);
      await until(async () => {
        await follow(1);
        return seen.some((text) => text.includes('starts again'));
      }, 'the restart in the log');
      await harness.reopen();
      await follow(100);
      await harness.platform.ship('shop', harness.release(2));
      await harness.platform.start(blue, harness.release(2), placement);
      await follow(2);
      await harness.platform.stop(blue);
      await follow(100);
      const ours = seen.flatMap(
        (text) => /\[cutover\].* (release \d|ended)(?:.*(starts again|starts))?/.exec(text) ?? [],
      );
      expect(ours.filter((_, n) => n % 3 !== 0).join(' ')).toBe(
        'release 1 starts ended  release 1 starts again release 2 starts',
      );
      const all = await harness.platform.logs(blue, { lines: 100, layer: 'worker' });
      expect(seen.slice(-all.lines.length)).toEqual(all.lines.map(({ text }) => text));
      expect(all.next).toBe(next);
    });

    test('gives a follower nothing before something is written, and all of an instance that the cursor does not know', async () => {
      const { next } = await harness.platform.logs(blue, { lines: 10 });
      expect((await harness.platform.logs(blue, { lines: 10, after: next })).lines).toEqual([]);
      await bringUp(blue, harness.release(1));
      await harness.platform.stop(blue);
      const all = await harness.platform.logs(blue, { lines: 100 });
      expect((await harness.platform.logs(blue, { lines: 100, after: next })).lines).toEqual(all.lines);
      expect(await harness.platform.logs(blue, { lines: 100, after: all.next })).toEqual({
        ...all,
        lines: [],
      });
    });

    test.each([
      '',
      '2',
      '../../etc/passwd',
      '1~../x.a_0',
      '1~web.a_-1',
      '1~web.a_0~web.a_0',
      `1${'~'.repeat(20_000)}`,
    ])('refuses %p as a cursor', async (after) => {
      expect(await codeOf(harness.platform.logs(blue, { lines: 1, after }))).toBe('request-invalid');
    });

    test('prunes all but what is to be kept and what runs', async () => {
      for (const number of [1, 2, 3, 4]) await harness.platform.ship('shop', harness.release(number));
      await bringUp(blue, harness.release(2));
      expect(await harness.platform.prune('shop', [4])).toEqual([1, 3]);
      expect(await harness.platform.prune('shop', [4])).toEqual([]);
      expect(await harness.platform.prune('blog', [])).toEqual([]);
    });

    test('tells a check where the routed layer is, with its variables', async () => {
      const release = harness.release(1);
      const placement = await harness.platform.place(green, release, null);
      const [first] = placement.instances;
      if (!first) throw new Error('nothing was placed');
      const address = formatAddress(first.address);
      expect(await harness.platform.variables(green, release, placement)).toMatchObject({
        HOST: first.address.host,
        PORT: String(first.address.port),
        CUTOVER_ADDRESS: address,
        CUTOVER_URL: `http://${address}`,
        CUTOVER_SERVICE: 'shop',
        CUTOVER_ENVIRONMENT: 'green',
        CUTOVER_RELEASE: '1',
        CUTOVER_VERSION: release.version,
        COLOUR_IS: 'green',
      });
    });
  });
}
