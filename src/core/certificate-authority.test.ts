import { expect, test } from 'bun:test';
import { AuthorityDirectory, AuthorizedHost, Mail } from './certificate-authority.ts';

const takes = (schema: { safeParse(value: unknown): { success: boolean } }, value: string): boolean =>
  schema.safeParse(value).success;

test.each(['shop.example', 'www.shop.example', 'a-b.c-d.example', 'xn--bcher-kva.example', '1a.example'])(
  'an authority can be asked about %s',
  (host) => expect(takes(AuthorizedHost, host)).toBe(true),
);
test.each([
  '*.shop.example',
  'shop',
  'Shop.example',
  '127.0.0.1',
  '::1',
  '../../etc.passwd',
  'a..example',
  'a.example.',
  '-a.example',
  `${'a'.repeat(64)}.example`,
  'a.example/b',
  '',
])('but not about %p', (host) => expect(takes(AuthorizedHost, host)).toBe(false));

test('an authority is asked over TLS only', () => {
  expect(takes(AuthorityDirectory, 'https://acme.example:14000/dir?a=b')).toBe(true);
  for (const url of ['http://acme.example/dir', 'https://', 'acme.example', 'https://u:p@acme.example/dir'])
    expect(takes(AuthorityDirectory, url)).toBe(false);
});

test('a mail address is one, without a list in it', () => {
  expect(takes(Mail, 'admin@shop.example')).toBe(true);
  for (const mail of ['admin', 'a@b,c@d', 'a b@c', '']) expect(takes(Mail, mail)).toBe(false);
});
