import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareSocketDirectory, socketPath } from './home.ts';

const deep = `/srv/${'deep/'.repeat(30)}home`;

describe('socket path', () => {
  test('is in the home where that can be bound', () => {
    expect(socketPath('/srv/shop', 'proxy/admin.sock')).toBe('/srv/shop/proxy/admin.sock');
  });

  test('of a deep home is short, the same each time, and its own for each socket and home', () => {
    const at = { uid: 1000, runtimeDirectory: '/run/user/1000' };
    const path = socketPath(deep, 'proxy/admin.sock', at);
    expect(path).toMatch(/^\/run\/user\/1000\/cutover-1000\/[0-9a-f]{24}\.sock$/);
    expect(socketPath(deep, 'proxy/admin.sock', at)).toBe(path);
    expect(socketPath(deep, 'controller.sock', at)).not.toBe(path);
    expect(socketPath(`${deep}2`, 'proxy/admin.sock', at)).not.toBe(path);
  });

  test('does without a runtime directory, and without one that is too deep itself', () => {
    for (const runtimeDirectory of [undefined, deep])
      expect(socketPath(deep, 'a.sock', { uid: 7, runtimeDirectory })).toMatch(/^\/tmp\/cutover-7\//);
  });
});

describe('socket directory', () => {
  let parent: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'cutover home '));
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  test('is made for us alone, and closed to others if it was open', () => {
    const directory = join(parent, 'proxy');
    prepareSocketDirectory(join(directory, 'a.sock'));
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    chmodSync(directory, 0o755);
    prepareSocketDirectory(join(directory, 'a.sock'));
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  test('is refused if it is a link: whoever made it could answer in our place', () => {
    mkdirSync(join(parent, 'elsewhere'));
    symlinkSync(join(parent, 'elsewhere'), join(parent, 'proxy'));
    expect(() => prepareSocketDirectory(join(parent, 'proxy', 'a.sock'))).toThrow('not a directory');
  });
});
