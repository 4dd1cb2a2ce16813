import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { TestCertificates, tlsWith } from '../../src/proxy/tls/certificates.fixture.ts';
import { startLoad } from '../fixtures/http-load.ts';
import { ProxyFixture, routeTo, startOrigin, until, type Origin } from '../fixtures/proxy.ts';

setDefaultTimeout(120_000);

let files: TestCertificates;
let proxy: ProxyFixture;
let origin: Origin;
beforeEach(async () => {
  files = new TestCertificates();
  proxy = await ProxyFixture.start(2);
  origin = startOrigin('hello');
});
afterEach(async () => {
  await proxy.close();
  await origin.close();
  files[Symbol.dispose]();
});

async function loaded() {
  const certificate = await files.make('shop', 'shop.example');
  await proxy.router.apply({
    ...routeTo('shop', 1, 'blue', origin.address, origin.address),
    tls: tlsWith([certificate]),
  });
  const { listen } = (await proxy.router.read('shop'))!;
  const load = startLoad(listen, 8, true);
  const answers = (): number => load.result.answered.get('hello') ?? 0;
  /** Until so many more were answered: connections come and go all the time. */
  const goOn = (): Promise<void> => {
    const before = answers();
    return until('requests go on', () => answers() > before + 200, 30_000);
  };
  await goOn();
  return { certificate, load, goOn };
}

test('upgrades of a proxy that serves TLS refuse and break nothing', async () => {
  const { load, goOn } = await loaded();
  for (let time = 0; time < 5; time++) {
    const { bootId } = await proxy.router.status();
    await proxy.router.upgrade();
    await until(
      'the next program leads',
      () =>
        proxy.router.status().then(
          (status) => status.bootId !== bootId,
          () => false,
        ),
      30_000,
    );
    await goOn();
  }
  const { failed, answered } = await load.stop();
  expect(failed).toEqual([]);
  expect([...answered.keys()]).toEqual(['hello']);
});

test('certificates that are renewed, broken and mended under load break no connection', async () => {
  const { certificate, load, goOn } = await loaded();
  const served = async (): Promise<number> => (await proxy.router.status()).certificates[0]?.expiresAt ?? 0;
  let last = await served();
  for (let time = 0; time < 4; time++) {
    // Seconds are the unit of a certificate's end, so another end shows that another one is served.
    await until(
      'a later end',
      async () => {
        await files.make('shop', 'shop.example');
        await goOn();
        return (await served()) > last;
      },
      30_000,
    );
    last = await served();
  }
  writeFileSync(certificate.cert, 'rubbish');
  await until(
    'a warning',
    async () =>
      (await proxy.router.status()).warnings.some((each) => each.includes('the one before is served')),
    10_000,
  );
  const { certificates } = await proxy.router.status();
  expect(certificates).toMatchObject([{ hosts: ['shop.example'], expiresAt: last }]);
  expect(certificates[0]?.problem).toContain('no certificate in PEM');
  const metrics = await (await fetch('http://proxy/v1/metrics', { unix: proxy.router.socket })).text();
  expect(metrics).toContain(`cutover_certificate_expiry_seconds{host="shop.example"} ${last / 1000}`);
  await goOn();
  await files.make('shop', 'shop.example');
  await until('no warning', async () => (await proxy.router.status()).warnings.length === 0, 10_000);
  await goOn();
  const { failed } = await load.stop();
  expect(failed).toEqual([]);
});
