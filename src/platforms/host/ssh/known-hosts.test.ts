import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fingerprintOf, knownHosts } from './known-hosts.ts';

const root = mkdtempSync(join(tmpdir(), 'cutover known hosts '));
afterAll(() => rmSync(root, { recursive: true }));

const run = (...words: string[]): string => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(words);
  if (exitCode !== 0) throw new Error(`${words.join(' ')}: ${stderr.toString()}`);
  return stdout.toString();
};
/** A key as ssh-keygen writes it: type and base64. */
function makeKey(name: string, type = 'ed25519'): string {
  const path = join(root, name);
  run('ssh-keygen', '-q', '-t', type, '-N', '', '-f', path);
  return readFileSync(`${path}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
}
const [ours, others] = [makeKey('ours'), makeKey('others')];
const told = (text: string, host = 'web1.shop.example', port = 22): string => {
  const { trusted, revoked } = knownHosts(text, host, port);
  return `${trusted.length} ${revoked.length}`;
};

describe('a file of known hosts', () => {
  test.each([
    ['web1.shop.example', '1 0'],
    ['web2.shop.example', '0 0'],
    ['WEB1.shop.example,192.0.2.1', '1 0'],
    ['*.shop.example', '1 0'],
    ['web?.shop.example', '1 0'],
    ['*', '1 0'],
    ['*.example,!web1.shop.example', '0 0'],
    ['!web2.shop.example,*.example', '1 0'],
    ['[web1.shop.example]:22', '0 0'],
    ['[web1.shop.example]:2222', '0 0'],
    ['@revoked *', '0 1'],
    ['@cert-authority *', '0 0'],
    ['# web1.shop.example', '0 0'],
    ['|1|c2FsdA==|aGFzaA==', '0 0'],
    ['|2|x', '0 0'],
  ])('with %p says %p', (names, expected) => {
    expect(told(`\n# a remark\n${names} ${ours} a remark\r\n`)).toBe(expected);
  });

  test('names hosts at other ports with them', () => {
    expect(told(`[web1.shop.example]:2222 ${ours}`, 'web1.shop.example', 2222)).toBe('1 0');
    expect(told(`[*.shop.example]:2222 ${ours}`, 'web1.shop.example', 2222)).toBe('1 0');
    expect(told(`web1.shop.example ${ours}`, 'web1.shop.example', 2222)).toBe('0 0');
  });

  test('is read as it is when ssh-keygen has hashed it', () => {
    const path = join(root, 'known');
    writeFileSync(path, `web1.shop.example ${ours}\n[web1.shop.example]:2222 ${others}\n`);
    run('ssh-keygen', '-H', '-f', path);
    const text = readFileSync(path, 'utf8');
    expect(text).not.toContain('web1');
    expect([told(text), told(text, 'web1.shop.example', 2222), told(text, 'web2.shop.example')]).toEqual([
      '1 0',
      '1 0',
      '0 0',
    ]);
  });

  test.each(['ed25519', 'rsa', 'ecdsa'])(
    'with a key of %p has the fingerprint that ssh-keygen prints',
    (type) => {
      const key = makeKey(`finger-${type}`, type);
      const [found] = knownHosts(`a ${key}`, 'a', 22).trusted;
      expect(found && fingerprintOf(found)).toBe(
        run('ssh-keygen', '-l', '-f', join(root, `finger-${type}`)).split(' ')[1] ?? '',
      );
    },
  );

  test.each([
    'web1',
    'web1.shop.example',
    'web1.shop.example ssh-ed25519',
    `web1.shop.example ssh-rsa ${ours.split(' ')[1]}`,
    'web1.shop.example ssh-ed25519 %%%',
    '@revoked',
  ])('says nothing by a line that is none: %p', (line) => {
    expect(told(`${line}\n`)).toBe('0 0');
  });
});
