import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Peer, readToken, refusal } from './access.ts';

const token = 'a-token-of-24-characters';
const from = (address: string): Peer => ({ address });
const given = (headers: Record<string, string>) => (name: string) => headers[name];
const local = { host: 'localhost:8081' };
const bearer = { authorization: `Bearer ${token}` };

test.each([
  ['from loopback', from('127.0.0.1'), local, null],
  ['from another address of loopback', from('127.3.2.1'), local, null],
  ['from IPv6 loopback', from('::1'), { host: '[::1]:8081' }, null],
  ['from loopback in IPv6 words', from('::ffff:127.0.0.1'), {}, null],
  ['through the unix socket', 'socket', {}, null],
  ['from elsewhere', from('10.0.0.7'), local, 403],
  ['from an address that only looks like loopback', from('127.0.0.1.example'), local, 403],
  ['from who knows where', null, local, 403],
  ['from a page in a browser', from('127.0.0.1'), { ...local, origin: 'http://evil.example' }, 403],
  ['from a page without an origin', from('127.0.0.1'), { ...local, 'sec-fetch-site': 'cross-site' }, 403],
  ['by a name that was pointed here', from('127.0.0.1'), { host: 'evil.example' }, 403],
  ['through a proxy of this machine', from('127.0.0.1'), { ...local, 'x-forwarded-for': '10.0.0.7' }, 403],
  ['through one that says so otherwise', from('127.0.0.1'), { ...local, forwarded: 'for=10.0.0.7' }, 403],
] as const)('without a token: %s', (_, peer, headers, status) => {
  expect(refusal(peer, given(headers), undefined)?.status ?? null).toBe(status);
});

test.each([
  ['the token', from('10.0.0.7'), bearer, null],
  ['the token, the scheme in small letters', from('10.0.0.7'), { authorization: `bearer ${token}` }, null],
  ['another token', from('10.0.0.7'), { authorization: `Bearer ${token}x` }, 401],
  ['a shorter one', from('10.0.0.7'), { authorization: `Bearer ${token.slice(1)}` }, 401],
  ['no token, though from this machine', from('127.0.0.1'), local, 401],
  ['another scheme', from('10.0.0.7'), { authorization: `Basic ${token}` }, 401],
  ['the unix socket, which needs none', 'socket', {}, null],
] as const)('with a token: %s', (_, peer, headers, status) => {
  expect(refusal(peer, given(headers), token)?.status ?? null).toBe(status);
});

test('a token in a file holds as it is now, and one that could be guessed is refused', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cutover token '));
  try {
    const file = join(folder, 'token');
    writeFileSync(file, `${token}\n`);
    expect(refusal(from('10.0.0.7'), given(bearer), { file })).toBeNull();
    writeFileSync(file, `${token}-2\n`);
    expect(refusal(from('10.0.0.7'), given(bearer), { file })?.status).toBe(401);
    writeFileSync(file, 'short\n');
    expect(() => readToken({ file })).toThrow('expected at least 16 characters, found 5');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
