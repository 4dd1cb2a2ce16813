import { expect, test } from 'bun:test';
import { ForwardedLines, ForwardedLinesByClient } from './forwarded.ts';
import { ascii } from './octets.ts';

const said = (lines: ForwardedLines, host: string): string => {
  const bytes = ascii(`Host: ${host}\r\n`);
  return String.fromCharCode(...lines.for(bytes, 6, 6 + host.length));
};
const expected = (client: string, node: string, proto: string, host: string): string =>
  `X-Forwarded-For: ${client}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: ${host}\r\n` +
  `Forwarded: for=${node};host="${host}";proto=${proto}\r\n\r\n`;

test('an IPv6 client is named in brackets where the syntax wants them', () => {
  expect(said(new ForwardedLines('::1'), 'a.example:80')).toBe(
    expected('::1', '"[::1]"', 'http', 'a.example:80'),
  );
});
test('the lines follow the host from request to request, whether it gets longer, shorter or only other', () => {
  const lines = new ForwardedLines('10.0.0.1', 'https');
  for (const host of ['a.example', 'b.example', 'b.example', 'long.a.example', 'x', '', 'y', 'a.example'])
    expect(said(lines, host)).toBe(expected('10.0.0.1', '10.0.0.1', 'https', host));
});
test('connections of one client share their lines, and no two clients do', () => {
  const byClient = new ForwardedLinesByClient('http');
  const one = byClient.of('10.0.0.1');
  expect(byClient.of('10.0.0.1')).toBe(one);
  // More clients than are remembered, and each is told apart from the others all the same.
  for (let i = 0; i < 10_000; i++) {
    const client = `10.1.${i >> 8}.${i & 255}`;
    expect(said(byClient.of(client), 'a')).toBe(expected(client, client, 'http', 'a'));
  }
  expect(said(byClient.of('10.0.0.1'), 'a')).toBe(expected('10.0.0.1', '10.0.0.1', 'http', 'a'));
  expect(said(byClient.of('::ffff:10.0.0.9'), 'a')).toBe(expected('10.0.0.9', '10.0.0.9', 'http', 'a'));
  expect(said(byClient.of(undefined), 'a')).toBe(expected('unknown', 'unknown', 'http', 'a'));
});
