import { expect, test } from 'bun:test';
import { tlsOf, type TlsWords } from './tls-words.ts';

const listen = { host: '0.0.0.0', port: 443 };
const read = (words: TlsWords) => tlsOf(words, listen, '/srv');

test('certificates of an authority are asked for with plain HTTP at port 80 beside the service', () => {
  expect(read({ acme: 'shop.example, www.shop.example', acmeCa: 'ca.pem' })).toEqual({
    certificates: [],
    redirect: { host: '0.0.0.0', port: 80 },
    hstsSeconds: 0,
    clientCa: null,
    clientAuth: 'required',
    acme: {
      hosts: ['shop.example', 'www.shop.example'],
      email: null,
      directory: 'https://acme-v02.api.letsencrypt.org/directory',
      ca: '/srv/ca.pem',
      challenge: 'http-01',
    },
  });
  expect(read({ acme: 'shop.example', tlsRedirect: ':8080' })?.redirect?.port).toBe(8080);
  expect(read({ acme: 'shop.example', acmeChallenge: 'tls-alpn-01' })?.redirect).toBeNull();
});
test('a file and an authority stand together', () => {
  expect(read({ tlsCert: 'a.pem', tlsKey: 'a.key', acme: 'shop.example' })?.certificates).toEqual([
    { cert: '/srv/a.pem', key: '/srv/a.key', hosts: [] },
  ]);
});
test('nothing said is plain HTTP', () => expect(read({})).toBeUndefined());
test.each<[TlsWords, string]>([
  [{ tlsCert: 'a.pem' }, 'found only --tls-cert'],
  [{ tlsRedirect: ':80' }, 'nothing to redirect to'],
  [{ tlsRedirect: 'x', acme: 'shop.example' }, '--tls-redirect: expected an address'],
  [{ acmeEmail: 'a@b.example' }, '--acme-email: expected --acme with it'],
  [{ acme: '*.shop.example' }, 'found *.shop.example'],
  [{ acme: 'shop.example,' }, 'found nothing'],
  [{ acme: 'shop.example', acmeEmail: 'admin' }, '--acme-email: expected a mail address'],
  [{ acme: 'shop.example', acmeDirectory: 'http://a.example' }, '--acme-directory: expected an https:// URL'],
])('%p is refused', (words, message) => {
  expect(() => read(words)).toThrow(message);
});
