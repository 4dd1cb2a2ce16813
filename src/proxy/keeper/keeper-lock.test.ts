import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockKeeper } from './keeper-lock.ts';
import { identityOf, isAlive } from './process-identity.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cutover lock '));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('keeper lock', () => {
  test('is had by one at a time, and can be had again when given up', () => {
    const unlock = lockKeeper(directory);
    expect(() => lockKeeper(directory)).toThrow(`process ${process.pid}`);
    unlock();
    expect(readdirSync(directory)).toEqual([]);
    lockKeeper(directory)();
  });

  test('of a process that has ended is taken over, also when its pid has another process now', () => {
    const me = identityOf(process.pid);
    writeFileSync(
      join(directory, 'keeper.3.pid'),
      JSON.stringify({ ...me, startTicks: (me?.startTicks ?? 0) + 1 }),
    );
    const unlock = lockKeeper(directory);
    expect(readdirSync(directory)).toEqual(['keeper.4.pid']);
    unlock();
  });

  test('whose file is damaged does not keep the proxy from starting', () => {
    writeFileSync(join(directory, 'keeper.1.pid'), '{"pid":');
    lockKeeper(directory)();
  });
});

describe('process identity', () => {
  test('is of this very process, not of its pid', () => {
    const me = identityOf(process.pid);
    if (!me) throw new Error('this process is not in /proc');
    expect(isAlive(me)).toBe(true);
    expect(isAlive({ ...me, startTicks: me.startTicks - 1 })).toBe(false);
    expect(isAlive({ ...me, machineBoot: 'another' })).toBe(false);
  });

  test('of a process that has ended is none', async () => {
    const child = Bun.spawn(['true']);
    await child.exited;
    expect(identityOf(child.pid)).toBeUndefined();
  });
});
