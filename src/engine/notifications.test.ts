import { describe, expect, test } from 'bun:test';
import { approve, pause } from '../core/intervene.ts';
import { current, type Service } from '../core/service.ts';
import type { SpecInput } from '../core/spec.ts';
import type { Delivery } from '../ports/notifier.ts';
import { order, spec, World, type Fate, type Strike } from '../testing/engine-world.ts';
import type { Engine } from './engine.ts';

type TargetInput = NonNullable<SpecInput['notify']>[number];
const chat: TargetInput = { name: 'chat', slack: { urlFile: 'chat' } };
const all: TargetInput['on'] = [
  ...([
    'started',
    'switched',
    'succeeded',
    'rolled-back',
    'failed',
    'frozen',
    'retired',
    'mode-changed',
  ] as const),
];
const telling = (...notify: TargetInput[]): SpecInput => ({ ...spec, notify });
const texts = (world: World, target = 'chat'): string[] =>
  world.notified.told.filter((told) => told.target === target).map(({ text }) => text);
const nothingDue = (engine: Engine): boolean => engine.service('shop').notices.due.length === 0;
const away: Partial<Delivery> = { ok: false, retryable: true, detail: 'nobody there' };

/** Deploys, and waits until everybody was told. */
async function told(world: World, engine: Engine, fate: Fate, of: SpecInput): Promise<Service> {
  await world.deployed(engine, fate, of);
  await world.clock.run(() => nothingDue(engine));
  return engine.service('shop');
}

describe('who is told', () => {
  test('of a deployment: that it began, that it switched, and how it ended, with what was measured', async () => {
    const world = new World();
    const engine = await world.boot();
    await told(world, engine, 'good', telling({ ...chat, on: all }));
    expect(texts(world)).toEqual([
      'shop: deploy of release 1 (good) has begun, by test',
      'shop: the traffic is on blue, release 1 (good)',
      expect.stringMatching(
        /^shop: deploy of release 1 \(good\) succeeded in .*, \d+ requests, 0 failed$/,
      ) as unknown as string,
    ]);
    expect(world.notified.told[2]?.message).toMatchObject({
      on: 'succeeded',
      receipt: { deployment: 1, outcome: 'succeeded' },
    });
  });

  test('of what was taken back, before the switch and after it, each by what it is', async () => {
    const world = new World();
    const engine = await world.boot();
    await told(world, engine, 'good', telling(chat));
    await told(world, engine, 'fails-verify', telling(chat));
    await told(world, engine, 'fails-bake', telling(chat));
    expect(world.notified.told.map(({ message }) => message.on)).toEqual([
      'succeeded',
      'failed',
      'rolled-back',
    ]);
    expect(texts(world)[1]).toContain('failed and was taken back. smoke');
    expect(texts(world)[2]).toContain('the traffic went back, and is on blue, release 1.');
  });

  test('of a rollback, a retirement and a mode', async () => {
    const world = new World();
    const engine = await world.boot();
    const of = telling({ ...chat, on: ['rolled-back', 'retired', 'mode-changed'] });
    await told(world, engine, 'good', of);
    await told(world, engine, 'good', of);
    await engine.setMode('shop', { mode: 'read-only' }, { by: 'ann', reason: 'stocktaking' });
    const { deployment } = await engine.rollback('shop', 'bob');
    await world.settled(engine, deployment);
    await world.clock.run(() => engine.service('shop').environments.green.phase === 'empty');
    await world.clock.run(() => nothingDue(engine) && current(engine.service('shop')) === undefined);
    expect(texts(world)).toEqual([
      'shop is read-only now, by ann. stocktaking',
      'shop: the traffic went back, and is on blue, release 1.',
      'shop: release 2 (good) was retired; the way back to it ends here',
    ]);
  });

  test('only of what it asked for, in its own words', async () => {
    const world = new World();
    const engine = await world.boot();
    const words = { ...chat, on: ['failed'] as TargetInput['on'], template: '{{service}}/{{code}}/{{live}}' };
    await told(world, engine, 'good', telling(words));
    await told(world, engine, 'fails-bake', telling(words));
    expect(texts(world)).toEqual(['shop/bake-failed/blue']);
  });
});

test('who is asked to do something is told what: of a pause with its reason, and of a hold that only a person ends', async () => {
  const world = new World();
  const engine = await world.boot();
  await told(world, engine, 'good', telling(chat));
  world.notified.told.length = 0;
  const canary = {
    ...telling({ ...chat, on: ['waiting'] }),
    strategy: { kind: 'canary' as const, steps: [{ weight: 10 }, { hold: true as const }] },
  };
  const { id } = await engine.deploy('shop', order('good', canary), 'test');
  await world.clock.run(() => texts(world).length === 1);
  await engine.intervene('shop', (service) => pause(service, 'ann', 'lunch'));
  await world.clock.run(() => texts(world).length === 2);
  expect(texts(world)).toEqual([
    'shop: deploy of release 2 (good) waits for a person: a hold with 10 % of the traffic on green; cutover resume or cutover promote ends it',
    'shop: deploy of release 2 (good) waits for a person: paused by ann (lunch); cutover resume lets it go on',
  ]);
  await engine.abort('shop', 'ann');
  await world.settled(engine, id);
});

describe('who may open a gate', () => {
  const waits = { ...chat, on: ['waiting'] as TargetInput['on'] };
  const gates: SpecInput['gates'] = [
    { name: 'early', before: 'ship', approval: {} },
    { name: 'sign-off', approval: { by: ['ann', 'bob'], count: 2 }, reason: 'look at the figures' },
  ];
  const yes = (by: string, gate: number | null) => (service: Service) =>
    approve(service, { by, gate, approved: true, reason: null });

  test('is told when it is waited at, once, also if the controller dies meanwhile', async () => {
    const world = new World();
    let engine = await world.boot();
    await told(world, engine, 'good', telling(waits));
    const { id } = await engine.deploy('shop', order('good', { ...telling(waits), gates }), 'test');
    await world.clock.run(() => texts(world).length === 1);
    await engine.intervene('shop', yes('ann', 2));
    await engine.stop();
    engine = await world.boot();
    await engine.intervene('shop', yes('bob', 1));
    await world.clock.run(() => texts(world).length === 2);
    await engine.intervene('shop', yes('bob', 2));
    await world.settled(engine, id);
    await world.clock.run(() => nothingDue(engine));
    const says = 'shop: deploy of release 2 (good) waits for a person: ';
    expect(texts(world)).toEqual([
      `${says}early, before ship, asks for approval: cutover approve shop --gate 1 --by NAME`,
      `${says}sign-off, before switch (look at the figures), asks for approval (1 of 2: ann): cutover approve shop --gate 2 --by bob`,
    ]);
  });

  test('is not asked for what was approved ahead', async () => {
    const world = new World();
    const engine = await world.boot();
    await told(world, engine, 'good', telling(waits));
    const { id } = await engine.deploy('shop', order('good', { ...telling(waits), gates }), 'test');
    await world.clock.run(() => texts(world).length === 1);
    await engine.intervene('shop', yes('ann', 2));
    await engine.intervene('shop', yes('bob', 2));
    await engine.intervene('shop', yes('eve', 1));
    expect((await world.settled(engine, id)).live).toBe('green');
    await world.clock.run(() => nothingDue(engine));
    expect(texts(world)).toHaveLength(1);
  });
});

describe('a target that takes nothing', () => {
  test('keeps no deployment waiting, and is told in order when it is back', async () => {
    const world = new World();
    const engine = await world.boot();
    let back = false;
    world.notified.answer = ({ target }) => (back || target !== 'chat' ? {} : away);
    const of = telling({ ...chat, on: all }, { ...chat, name: 'other', on: ['succeeded'] });
    const began = world.clock.now();
    await world.deployed(engine, 'good', of);
    const { deployments, notices } = engine.service('shop');
    expect(deployments[0]?.status).toBe('succeeded');
    expect(world.clock.now() - began).toBeLessThan(10_000);
    expect(notices.due.map(({ on }) => on)).toEqual(['started', 'switched', 'succeeded']);
    expect(texts(world, 'other')).toHaveLength(1);
    back = true;
    world.notified.told.length = 0;
    await world.clock.run(() => nothingDue(engine));
    expect(world.notified.told.map(({ message }) => message.on)).toEqual([
      'started',
      'switched',
      'succeeded',
    ]);
  });

  test('is tried again at distances that grow, and given up when its time is over; that is on record', async () => {
    const world = new World();
    const engine = await world.boot();
    const at: number[] = [];
    world.notified.answer = () => {
      at.push(world.clock.now());
      return away;
    };
    const service = await told(world, engine, 'good', telling({ ...chat, giveUpAfter: '1m' }));
    const waits = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(service.notices.ended).toMatchObject([
      { name: 'chat', sent: false, tries: 6, detail: 'nobody there' },
    ]);
    expect(service.notices.counts).toEqual({ chat: { sent: 0, givenUp: 1 } });
  });

  test('is not tried again where that cannot end better, and waits as long as it asks', async () => {
    const world = new World();
    const engine = await world.boot();
    const answers: Partial<Delivery>[] = [
      { ...away, retryAfterMs: 90_000 },
      { ok: false, retryable: false, detail: 'gone' },
    ];
    const at: number[] = [];
    world.notified.answer = () => {
      at.push(world.clock.now());
      return answers[at.length - 1] ?? {};
    };
    const service = await told(world, engine, 'good', telling(chat));
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBe(90_000);
    expect(service.notices.ended.at(-1)).toMatchObject({ sent: false, tries: 2, detail: 'gone' });
  });

  test('has a queue with an end', async () => {
    const world = new World();
    const engine = await world.boot();
    world.notified.answer = () => away;
    const of = telling({ ...chat, on: ['mode-changed'], giveUpAfter: '100d' });
    await world.deployed(engine, 'good', of);
    for (let change = 0; change < 205; change++)
      await engine.setMode('shop', { mode: change % 2 ? 'open' : 'held' }, { by: 'ann', reason: null });
    const { due, ended, counts } = engine.service('shop').notices;
    expect(due).toHaveLength(200);
    expect(ended).toHaveLength(5);
    expect(ended[0]).toMatchObject({ sent: false, tries: 0 });
    expect(counts['chat']).toEqual({ sent: 0, givenUp: 5 });
  });

  test('one whose driver throws is told of as such, and nothing stands still', async () => {
    const world = new World();
    const engine = await world.boot();
    world.notified.answer = () => {
      throw new Error('a defect');
    };
    const service = await told(world, engine, 'good', telling(chat));
    expect(service.notices.ended.at(-1)).toMatchObject({ sent: false, detail: 'Error: a defect' });
  });
});

test('an engine that dies anywhere tells all of it in the end, again under the id that it had, and nothing for ever', async () => {
  for (let nth = 1; ; nth++) {
    const world = new World();
    const of = telling({ ...chat, on: all });
    await told(world, await world.boot(), 'good', of);
    world.notified.told.length = 0;
    let calls = 0;
    let dead = false;
    let armed = false;
    const mortal: Strike = async () => {
      if (armed && ++calls >= nth) dead = true;
      if (dead) await new Promise<never>(() => undefined);
    };
    const first = await world.boot(mortal);
    armed = true;
    const isOver = (engine: Engine): boolean =>
      engine.service('shop').deployments.length === 2 &&
      current(engine.service('shop')) === undefined &&
      nothingDue(engine);
    void first.deploy('shop', order('good', of), 'sim');
    await world.clock.run(() => dead || isOver(first));
    const next = await world.boot();
    if (next.service('shop').deployments.length === 1) continue; // it died before the deployment was on record
    await world.clock.run(() => isOver(next));
    const ids = new Map<string, Set<string>>();
    for (const { message } of world.notified.told)
      ids.set(message.on, (ids.get(message.on) ?? new Set()).add(message.id));
    expect([nth, ...ids.keys()]).toEqual([nth, 'started', 'switched', 'succeeded']);
    for (const seen of ids.values()) expect(seen.size).toBe(1);
    // At most the one that was under way is told twice.
    expect(world.notified.told.length).toBeLessThanOrEqual(dead ? 4 : 3);
    const { ended } = next.service('shop').notices;
    expect(ended.slice(-3).map(({ on, sent }) => `${on} ${sent}`)).toEqual(
      ['started', 'switched', 'succeeded'].map((on) => `${on} true`),
    );
    if (!dead) {
      expect(nth).toBeGreaterThan(40);
      return;
    }
  }
}, 120_000);

test('a log that cannot be written for a while is no reason to tell twice', async () => {
  const world = new World();
  let full = false;
  const engine = await world.boot((call) =>
    full && call === 'store.append before' ? Promise.reject(new Error('no room')) : Promise.resolve(),
  );
  world.notified.answer = () => {
    full = true;
    return {};
  };
  await world.deployed(engine, 'good', telling(chat));
  await world.clock.run(() => full);
  const until = world.clock.now() + 5000;
  void world.clock.sleep(5000);
  await world.clock.run(() => world.clock.now() >= until);
  full = false;
  await world.clock.run(() => nothingDue(engine));
  expect(world.notified.told).toHaveLength(1);
  expect(engine.service('shop').notices.ended).toMatchObject([{ sent: true, tries: 1 }]);
});

test('a test goes to every target once, says what came of it, and changes nothing', async () => {
  const world = new World();
  const engine = await world.boot();
  const of = telling(
    { ...chat, on: ['failed'] },
    {
      name: 'pager',
      on: ['failed'],
      webhook: { url: 'http://127.0.0.1:1/' },
      template: '{{service}} {{by}}',
    },
  );
  await world.deployed(engine, 'good', of);
  const { version } = engine.service('shop');
  world.notified.answer = ({ target }) => (target === 'pager' ? away : {});
  const tests = await engine.testNotifications('shop', 'ann');
  expect(tests.map(({ name, delivery }) => [name, delivery.ok, delivery.detail])).toEqual([
    ['chat', true, 'taken'],
    ['pager', false, 'nobody there'],
  ]);
  expect(texts(world)).toEqual(['shop: a test of notifications, by ann']);
  expect(texts(world, 'pager')).toEqual(['Test: shop ann']);
  expect(engine.service('shop').version).toBe(version);
});
