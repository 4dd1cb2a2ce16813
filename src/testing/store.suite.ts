import { afterEach, describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { CutoverError, ErrorCode } from '../core/errors.ts';
import type { EventRecord, ServiceEvent } from '../core/event.ts';
import type { Lease, Store } from '../ports/store.ts';
import { anyEvent } from './event.arbitrary.ts';

/** A new, empty store; `reopen` closes it and opens what it left; `end` closes it and removes all. */
export interface StoreFixture {
  store: Store;
  reopen(): Promise<Store>;
  end(): Promise<void>;
}

/** Waits for the error of this code. */
export async function refusal(promise: Promise<unknown>, code: ErrorCode): Promise<CutoverError> {
  const error = await promise.then(
    (value) => expect.unreachable(`expected ${code}, found ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ name: 'CutoverError', code });
  return error as CutoverError;
}

const shipped = (deployment: number): ServiceEvent => ({ type: 'step-started', deployment, step: 1 });

/** What every store keeps to: the contract in `ports/store.ts`. */
export function storeSuite(name: string, make: () => Promise<StoreFixture>): void {
  describe(`${name} keeps the contract of a store`, () => {
    const open: StoreFixture[] = [];
    const fixture = async (): Promise<StoreFixture> => {
      const made = await make();
      open.push(made);
      return made;
    };
    afterEach(async () => {
      for (const made of open.splice(0)) await made.end();
    });

    test('what was appended is read in order, numbered from 1, and after any version', async () => {
      const { store } = await fixture();
      expect(await store.append('shop', 0, 10, [shipped(1), shipped(2)])).toEqual([
        { version: 1, at: 10, event: shipped(1) },
        { version: 2, at: 10, event: shipped(2) },
      ]);
      expect(await store.append('shop', 2, 20.5, [shipped(3)])).toEqual([
        { version: 3, at: 20.5, event: shipped(3) },
      ]);
      expect((await store.read('shop')).map(({ version, at }) => [version, at])).toEqual([
        [1, 10],
        [2, 10],
        [3, 20.5],
      ]);
      expect((await store.read('shop', 2)).map(({ version }) => version)).toEqual([3]);
      expect(await store.read('shop', 3)).toEqual([]);
      expect(await store.read('shop', 9)).toEqual([]);
    });

    test('a stream that does not exist reads as empty and is not listed', async () => {
      const { store } = await fixture();
      expect(await store.read('shop')).toEqual([]);
      expect(await store.append('shop', 0, 1, [])).toEqual([]);
      expect(await store.streams()).toEqual([]);
    });

    test('streams are apart, and listed in order', async () => {
      const { store } = await fixture();
      await store.append('shop', 0, 1, [shipped(1)]);
      await store.append('mail', 0, 2, [shipped(2)]);
      expect(await store.streams()).toEqual(['mail', 'shop']);
      expect((await store.read('mail')).map(({ event }) => event)).toEqual([shipped(2)]);
    });

    test('a writer who saw an older or a newer version is refused, and nothing is written', async () => {
      const { store } = await fixture();
      await store.append('shop', 0, 1, [shipped(1), shipped(2)]);
      for (const expected of [0, 1, 3]) {
        const error = await refusal(store.append('shop', expected, 2, [shipped(3)]), 'version-conflict');
        expect(error.message).toContain(`expected version ${expected}, found 2`);
      }
      expect((await store.read('shop')).length).toBe(2);
    });

    test('what is appended to several streams is in all of them, each numbered by itself', async () => {
      const { store, reopen } = await fixture();
      await store.append('shop', 0, 1, [shipped(1)]);
      const parts = [
        { stream: 'shop', expectedVersion: 1, events: [shipped(2), shipped(3)] },
        { stream: 'mail', expectedVersion: 0, events: [shipped(4)] },
        { stream: 'none', expectedVersion: 0, events: [] },
      ];
      const records = await store.appendTogether(parts, 2);
      expect(records.map((each) => each.map(({ version, at }) => [version, at]))).toEqual([
        [
          [2, 2],
          [3, 2],
        ],
        [[1, 2]],
        [],
      ]);
      const again = await reopen();
      expect(await again.streams()).toEqual(['mail', 'shop']);
      expect((await again.read('shop', 1)).map(({ event }) => event)).toEqual([shipped(2), shipped(3)]);
      expect((await again.read('mail')).map(({ event }) => event)).toEqual([shipped(4)]);
    });

    test('what one of several streams refuses is in none of them', async () => {
      const { store } = await fixture();
      await store.append('mail', 0, 1, [shipped(1)]);
      const wrong: ServiceEvent = { type: 'environment-kept', colour: 'blue', release: 1, until: Number.NaN };
      const lease = await store.acquireLease('controller', 'ada', 100, 0);
      await store.acquireLease('controller', 'bob', 100, 200);
      for (const [code, version, event, held] of [
        ['version-conflict', 0, shipped(2), undefined],
        ['internal', 1, wrong, undefined],
        ['lease-lost', 1, shipped(2), lease ?? undefined],
      ] as const) {
        const parts = [
          { stream: 'shop', expectedVersion: 0, events: [shipped(2)] },
          { stream: 'mail', expectedVersion: version, events: [event] },
        ];
        await refusal(store.appendTogether(parts, 2, held), code);
        expect(await store.streams()).toEqual(['mail']);
        expect((await store.read('mail')).length).toBe(1);
      }
    });

    test('of two writers who saw the same version one is refused', async () => {
      const { store } = await fixture();
      const both = await Promise.allSettled([
        store.append('shop', 0, 1, [shipped(1)]),
        store.append('shop', 0, 1, [shipped(2)]),
      ]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect((await store.read('shop')).length).toBe(1);
    });

    test('an event that could not be read back is refused before anything is written', async () => {
      const { store } = await fixture();
      const wrong: ServiceEvent = { type: 'environment-kept', colour: 'blue', release: 1, until: Number.NaN };
      await refusal(store.append('shop', 0, 1, [shipped(1), wrong]), 'internal');
      expect(await store.read('shop')).toEqual([]);
    });

    test('what is read is nobody else’s: changing it changes nothing in the store', async () => {
      const { store } = await fixture();
      const event: ServiceEvent = { ...shipped(1) };
      await store.append('shop', 0, 1, [event]);
      Object.assign(event, { step: 9 });
      for (const record of await store.read('shop')) Object.assign(record.event, { step: 8 });
      expect((await store.read('shop')).map((record) => record.event)).toEqual([shipped(1)]);
    });

    test('a lease is held by one, renewed under its fence, and taken with a greater fence when its time is over', async () => {
      const { store } = await fixture();
      expect(await store.readLease('controller')).toBeNull();
      expect(await store.acquireLease('controller', 'ada', 100, 0)).toEqual({
        name: 'controller',
        holder: 'ada',
        fence: 1,
        expiresAt: 100,
      });
      expect(await store.acquireLease('controller', 'bob', 100, 99)).toBeNull();
      expect(await store.acquireLease('controller', 'ada', 100, 50)).toMatchObject({
        fence: 1,
        expiresAt: 150,
      });
      expect(await store.acquireLease('controller', 'bob', 100, 149)).toBeNull();
      expect(await store.acquireLease('controller', 'bob', 100, 150)).toMatchObject({
        holder: 'bob',
        fence: 2,
        expiresAt: 250,
      });
      expect(await store.acquireLease('controller', 'ada', 100, 200)).toBeNull();
      expect(await store.readLease('controller')).toMatchObject({ holder: 'bob', fence: 2 });
      expect(await store.acquireLease('other', 'ada', 100, 200)).toMatchObject({ fence: 1 });
    });

    test('a lease that is given back can be taken at once, with a greater fence', async () => {
      const { store } = await fixture();
      const ada = await store.acquireLease('controller', 'ada', 1000, 0);
      if (!ada) return expect.unreachable();
      await store.releaseLease(ada);
      expect(await store.readLease('controller')).toBeNull();
      const bob = await store.acquireLease('controller', 'bob', 1000, 1);
      expect(bob).toMatchObject({ holder: 'bob', fence: 2 });
      await store.releaseLease(ada);
      expect(await store.readLease('controller')).toEqual(bob);
    });

    test('who lost the lease, or gave it back, writes nothing; who holds it writes, even late', async () => {
      const { store } = await fixture();
      const ada = await store.acquireLease('controller', 'ada', 10, 0);
      if (!ada) return expect.unreachable();
      await store.append('shop', 0, 5, [shipped(1)], ada);
      await store.append('shop', 1, 500, [shipped(2)], ada);
      const bob = await store.acquireLease('controller', 'bob', 10, 20);
      if (!bob) return expect.unreachable();
      const error = await refusal(store.append('shop', 2, 501, [shipped(3)], ada), 'lease-lost');
      expect(error.message).toContain('found fence 2 of bob');
      await store.append('shop', 2, 502, [shipped(4)], bob);
      await store.releaseLease(bob);
      await refusal(store.append('shop', 3, 503, [shipped(5)], bob), 'lease-lost');
      expect((await store.read('shop')).map(({ at }) => at)).toEqual([5, 500, 502]);
    });

    test('all of it is there when the store is opened again, the fences too', async () => {
      const made = await fixture();
      await made.store.append('shop', 0, 1, [shipped(1), shipped(2)]);
      const ada = await made.store.acquireLease('controller', 'ada', 10, 0);
      if (!ada) return expect.unreachable();
      await made.store.releaseLease(ada);
      const store = await made.reopen();
      expect((await store.read('shop')).length).toBe(2);
      await refusal(store.append('shop', 2, 3, [shipped(3)], ada), 'lease-lost');
      expect(await store.acquireLease('controller', 'bob', 10, 0)).toMatchObject({ fence: 2 });
      await store.verify();
    });

    test('a store that was closed refuses to be used, and may be closed again', async () => {
      const { store } = await fixture();
      store.close();
      store.close();
      await refusal(store.read('shop'), 'internal');
    });

    test('it does what a list in memory would do, whatever is asked of it', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 40 }), (commands) => followsModel(make, commands)),
        { numRuns: 60 },
      );
    }, 30_000);
  });
}

const streamName = fc.constantFrom('shop', 'mail', 'Ünïcode "; --');
const holder = fc.constantFrom('ada', 'bob', 'eve');
const command = fc.oneof(
  fc.record({
    act: fc.constant('append' as const),
    stream: streamName,
    off: fc.constantFrom(0, 0, 0, 0, -1, 1),
    events: fc.array(anyEvent, { maxLength: 3 }),
    /** Which of the leases that were ever given: null for none. */
    lease: fc.option(fc.nat(20)),
  }),
  fc.record({ act: fc.constant('read' as const), stream: streamName, after: fc.integer({ min: 0, max: 6 }) }),
  fc.record({
    act: fc.constant('acquire' as const),
    holder,
    ttlMs: fc.integer({ min: 1, max: 30 }),
    waitMs: fc.nat(20),
  }),
  fc.record({ act: fc.constant('release' as const), lease: fc.nat(20) }),
  fc.record({ act: fc.constant('reopen' as const) }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

async function followsModel(make: () => Promise<StoreFixture>, commands: readonly Command[]): Promise<void> {
  const logs = new Map<string, EventRecord[]>();
  const given: Lease[] = [];
  let holding: Lease | null = null;
  let now = 0;
  const fixture = await make();
  let { store } = fixture;
  try {
    for (const asked of commands) {
      switch (asked.act) {
        case 'append': {
          const log = logs.get(asked.stream) ?? [];
          const lease = asked.lease === null ? undefined : given[asked.lease % (given.length || 1)];
          const appended = store.append(asked.stream, log.length + asked.off, now, asked.events, lease);
          if (lease && (lease.fence !== holding?.fence || lease.holder !== holding.holder))
            await refusal(appended, 'lease-lost');
          else if (asked.off !== 0) await refusal(appended, 'version-conflict');
          else {
            const records = asked.events.map((event, index) => ({
              version: log.length + index + 1,
              at: now,
              event,
            }));
            expect(await appended).toEqual(records);
            if (records.length > 0) logs.set(asked.stream, [...log, ...records]);
          }
          break;
        }
        case 'read':
          expect(await store.read(asked.stream, asked.after)).toEqual(
            (logs.get(asked.stream) ?? []).slice(asked.after),
          );
          break;
        case 'acquire': {
          now += asked.waitMs;
          const fence: number =
            holding?.holder === asked.holder ? holding.fence : (given.at(-1)?.fence ?? 0) + 1;
          const free: boolean =
            holding === null || holding.holder === asked.holder || holding.expiresAt <= now;
          const lease: Lease | null = free
            ? { name: 'controller', holder: asked.holder, fence, expiresAt: now + asked.ttlMs }
            : null;
          expect(await store.acquireLease('controller', asked.holder, asked.ttlMs, now)).toEqual(lease);
          if (lease) given.push((holding = lease));
          break;
        }
        case 'release': {
          const lease = given[asked.lease % (given.length || 1)];
          if (!lease) break;
          await store.releaseLease(lease);
          if (lease.fence === holding?.fence) holding = null;
          break;
        }
        case 'reopen':
          store = await fixture.reopen();
          break;
      }
      expect(await store.readLease('controller')).toEqual(holding);
      expect(await store.streams()).toEqual([...logs.keys()].sort());
    }
    await store.verify();
  } finally {
    await fixture.end();
  }
}
