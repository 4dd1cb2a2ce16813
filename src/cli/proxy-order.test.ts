import { expect, test } from 'bun:test';
import type { Route } from '../core/traffic.ts';
import { orderedRoute, proxyOrder, weightsOrder } from './proxy-order.ts';

const words = { listen: '127.0.0.1:0', blue: '127.0.0.1:1', green: '127.0.0.1:2' };
/** What is thrown, without what is to be done about it. */
function problem(act: () => unknown): string {
  try {
    act();
    return 'none';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('weights are read in any order, and a side that is not named has none', () => {
  expect(weightsOrder(['green=10', 'blue=90'])).toEqual({ blue: 90, green: 10 });
  expect(weightsOrder(['green=1'])).toEqual({ blue: 0, green: 1 });
  for (const wrong of [
    ['blue=0'],
    ['red=1'],
    [],
    ['blue=1', 'blue=2'],
    ['blue=90%'],
    ['blue=1.5'],
    ['blue=10001'],
    ['blue=-1'],
    ['blue'],
  ])
    expect([wrong, problem(() => weightsOrder(wrong))]).toEqual([
      wrong,
      expect.stringContaining('cutover proxy weights') as string,
    ]);
});

test('sticky, the header that chooses a side, and pages become part of the route', () => {
  const order = proxyOrder(
    { ...words, sticky: 'header:X-User', sideHeader: 'X-Side', errorPage: ['503=a=b.html', '4xx=/c.txt'] },
    '/here',
  );
  expect(orderedRoute(order, null)).toMatchObject({
    sticky: { by: 'header', scope: 'instance', cookie: null, header: 'X-User' },
    sideHeader: 'X-Side',
    errorPages: { '503': '/here/a=b.html', '4xx': '/c.txt' },
  });
  const tls = { tlsCert: 'c.pem', tlsKey: 'k.pem' };
  const secure = orderedRoute(proxyOrder({ ...words, ...tls, sticky: 'cookie' }, '/'), null).sticky;
  expect(secure?.cookie).toEqual({
    name: 'cutover-main',
    maxAgeS: 0,
    sameSite: 'lax',
    secure: true,
    path: '/',
  });
  for (const [wrong, said] of [
    [{ sticky: 'ip' }, 'expected cookie, client or header:NAME, found ip'],
    [{ sticky: 'header:' }, 'found header:'],
    [{ sticky: 'header' }, 'found header'],
    [{ sideHeader: 'a b' }, 'found a b'],
    [{ errorPage: ['200=a.html'] }, 'expected a status such as 503'],
    [{ errorPage: ['503'] }, 'expected the path of a file'],
    [{ errorPage: ['503=a.png'] }, 'expected the path of a file'],
  ] as const)
    expect(problem(() => proxyOrder({ ...words, ...wrong }, '/'))).toContain(said);
});

test('weights outlive a restart, unless the command line says who is live or a side with weight has gone', () => {
  const former: Route = { ...orderedRoute(proxyOrder(words, '/'), null), weights: { blue: 1, green: 3 } };
  const again = (more: object): Route => orderedRoute(proxyOrder({ ...words, ...more }, '/'), former);
  expect(again({}).weights).toEqual({ blue: 1, green: 3 });
  expect(again({ live: 'green' }).weights).toBeUndefined();
  const blueAlone = proxyOrder({ listen: words.listen, blue: words.blue }, '/');
  expect(orderedRoute(blueAlone, former).weights).toBeUndefined();
});
