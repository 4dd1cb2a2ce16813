import { expect, setDefaultTimeout, test } from 'bun:test';
import { ProxyFixture, routeTo, startOrigin } from '../../../test/fixtures/proxy.ts';
import { defaultLimits } from '../worker/limits.ts';
import { connectWire, get } from '../worker/rig.fixture.ts';

setDefaultTimeout(30_000);

test('a worker that was stopped when it is told to drain answers the requests that came meanwhile', async () => {
  const origin = startOrigin('here');
  const proxy = await ProxyFixture.start(1);
  try {
    await proxy.router.apply(routeTo('shop', 1, 'blue', origin.address, origin.address));
    const { listen } = (await proxy.router.read('shop'))!;
    const [worker] = await proxy.workerPids();
    const wires = await Promise.all(Array.from({ length: 20 }, () => connectWire(listen)));
    for (const wire of wires) expect((await wire.send(get()).response()).status).toBe(200);
    process.kill(worker!, 'SIGSTOP');
    // The time itself is what is tested: longer than a connection may be idle when a drain begins.
    await Bun.sleep(defaultLimits.drainIdleMs + 500);
    for (const wire of wires) wire.send(get());
    process.kill(worker!, 'SIGTERM');
    process.kill(worker!, 'SIGCONT');
    for (const wire of wires) expect((await wire.response()).status).toBe(200);
  } finally {
    await proxy.close();
    await origin.close();
  }
});
