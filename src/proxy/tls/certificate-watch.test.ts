import { expect, test } from 'bun:test';
import { routeTo } from '../../../test/fixtures/proxy.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { TestCertificates, tlsWith } from './certificates.fixture.ts';
import { expiresSoonAt } from './validity.ts';

const dayMs = 24 * 3_600_000;
const nowhere = { host: '127.0.0.1', port: 1 };

test('a certificate whose end is near is warned of, and one whose end is over', async () => {
  using files = new TestCertificates();
  const own = await files.make('own', 'own.example');
  const watch = new CertificateWatch(() => undefined);
  watch.look([{ ...routeTo('shop', 1, 'blue', nowhere, nowhere), tls: tlsWith([own]) }]);
  const now = Date.now();
  expect(watch.problems(now)).toEqual([]);
  // It lasts two days; the last quarter of them is near the end.
  expect(watch.problems(now + 1.4 * dayMs)).toEqual([]);
  expect(watch.problems(now + 1.6 * dayMs)).toEqual([
    expect.stringMatching(
      /^service shop: .*own\.crt: the certificate holds until .*Z; put a new one/,
    ) as string,
  ]);
  expect(watch.problems(now + 3 * dayMs)).toEqual([
    expect.stringContaining('expected a certificate that holds, found one until') as string,
  ]);
  expect(watch.problems(now - dayMs)).toEqual([expect.stringContaining('found one from') as string]);
  expect(watch.status()).toMatchObject([
    { services: ['shop'], hosts: ['own.example'], source: own.cert, issuer: 'own', renewsAt: null },
  ]);
});

test('near is two weeks, or a quarter of a shorter life', () => {
  expect(expiresSoonAt({ from: 0, until: 90 * dayMs })).toBe(76 * dayMs);
  expect(expiresSoonAt({ from: 0, until: 8 * dayMs })).toBe(6 * dayMs);
});
