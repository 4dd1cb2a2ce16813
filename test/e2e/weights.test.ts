import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import type { Weights } from '../../src/core/weights.ts';
import { failures } from '../../src/core/traffic.ts';
import { startLoad } from '../fixtures/http-load.ts';
import { ProxyFixture, routeTo, startOrigin, until, type Origin } from '../fixtures/proxy.ts';

setDefaultTimeout(60_000);

let blue: Origin;
let green: Origin;
let proxy: ProxyFixture;
beforeAll(async () => {
  blue = startOrigin('blue');
  green = startOrigin('green');
  proxy = await ProxyFixture.start(2);
});
afterAll(async () => {
  await proxy.close();
  await blue.close();
  await green.close();
});

test('weights that change under load lose no request, and a side of weight 0 gets none from then on', async () => {
  const { router } = proxy;
  await router.apply(routeTo('shop', 1, 'blue', blue.address, green.address));
  const route = (await router.read('shop'))!;
  const load = startLoad(route.listen, 16);
  const answers = (): number => [...load.result.answered.values()].reduce((sum, each) => sum + each, 0);
  const moreAnswers = async (): Promise<void> => {
    const before = answers();
    await until('requests go on', () => answers() > before + 200);
  };
  let epoch = 1;
  const divide = (weights: Weights) => router.apply({ ...route, epoch: ++epoch, weights });
  for (let time = 0; time < 30; time++) {
    const { counters } = await divide({ blue: 100 - 3 * time, green: 3 * time });
    if (time === 0) expect(counters.green.requests).toBe(0);
    await moreAnswers();
  }

  const before = await router.counters('shop');
  expect(before.green.requests).toBeGreaterThan(0);
  await divide({ blue: 3, green: 1 });
  const from = await router.counters('shop');
  await until('thousands of requests', async () => {
    const now = await router.counters('shop');
    return now.blue.requests + now.green.requests > from.blue.requests + from.green.requests + 4000;
  });
  const to = await router.counters('shop');
  const [ofBlue, ofGreen] = [to.blue.requests - from.blue.requests, to.green.requests - from.green.requests];
  // What began under the former weights is within the reading.
  expect(Math.abs(ofBlue / (ofBlue + ofGreen) - 0.75)).toBeLessThan(0.02);

  await divide({ blue: 0, green: 1 });
  const switched = await router.counters('shop');
  await moreAnswers();
  const after = await router.counters('shop');
  expect(after.blue.requests).toBe(switched.blue.requests);
  expect(after.green.requests).toBeGreaterThan(switched.green.requests);
  const { failed } = await load.stop();
  expect(failed).toEqual([]);
  expect([failures(after.blue), failures(after.green)]).toEqual([0, 0]);
  await until('nothing is in flight', async () => {
    const { blue, green } = await router.counters('shop');
    return blue.inFlight + green.inFlight === 0;
  });
});
