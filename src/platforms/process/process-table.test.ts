import { describe, expect, test } from 'bun:test';
import { parseHexHost, parseListening } from './listening.ts';
import { LinuxProcessTable, parseStat } from './process-table.ts';
import { parsePsLine, PsProcessTable } from './ps-table.ts';

const isLinux = process.platform === 'linux';

describe('the table of processes', () => {
  test('is read right although a program names itself with parentheses and spaces', () => {
    const rest = 'S 10 20 30 0 -1 4194304 16 0 0 0 0 0 0 0 20 0 1 0 190704 524288';
    const seen = parseStat(`42 (a) Z 1 2 (b) ) ${rest}\n`, 'boot');
    expect(seen).toEqual({
      pid: 42,
      parent: 10,
      group: 20,
      session: 30,
      startTime: '190704',
      bootId: 'boot',
      ended: false,
    });
    expect(parseStat('42 (x) Z 1 1 1', 'boot')).toBeNull();
    expect(parseStat('', 'boot')).toBeNull();
  });

  test.skipIf(!isLinux)('shows a process of ours, its tag and its end (only Linux has /proc)', async () => {
    const table = new LinuxProcessTable();
    const child = Bun.spawn(['sleep', '1000'], { env: { CUTOVER_INSTANCE: 'mine/1' }, detached: true });
    const seen = table.look(child.pid);
    expect(seen).toMatchObject({
      pid: child.pid,
      parent: process.pid,
      group: child.pid,
      session: child.pid,
      ended: false,
    });
    expect(table.tag(child.pid)).toBe('mine/1');
    expect(table.all().filter(({ pid }) => pid === child.pid)).toHaveLength(1);
    child.kill('SIGKILL');
    await child.exited;
    expect(table.look(child.pid)).toBeNull();
    expect(table.tag(child.pid)).toBeNull();
  });

  test.skipIf(Bun.which('ps') === null)(
    'is read from ps where there is no /proc (needs the program ps)',
    async () => {
      expect(parsePsLine('  42     1    40 Ss   Fri Nov 21 01:59:57 2026')).toMatchObject({
        pid: 42,
        parent: 1,
        group: 40,
        ended: false,
        startTime: 'Fri Nov 21 01:59:57 2026',
      });
      expect(parsePsLine('garbage')).toBeNull();
      const table = new PsProcessTable();
      const child = Bun.spawn(['sleep', '1000'], { detached: true });
      expect(table.look(child.pid)).toMatchObject({
        pid: child.pid,
        parent: process.pid,
        group: child.pid,
        ended: false,
      });
      child.kill('SIGKILL');
      await child.exited;
      expect(table.look(child.pid)).toBeNull();
    },
  );

  test('tells listening addresses of IPv4, IPv6 and IPv4 within IPv6', () => {
    expect(parseHexHost('0100007F')).toBe('127.0.0.1');
    expect(parseHexHost('00000000000000000000000001000000')).toBe('::1');
    expect(parseHexHost('00000000000000000000000000000000')).toBe('::');
    expect(parseHexHost('0000000000000000FFFF00000100007F')).toBe('127.0.0.1');
    expect(parseHexHost('B80D01200000000000000000FF020000')).toBe('2001:db8::2ff');
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0605007F:5BA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0 100 0 0 10 0',
      '   1: 0605007F:5BA0 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 778 1 0 20 4 30 10 -1',
    ].join('\n');
    expect([...parseListening(table)]).toEqual([['777', { host: '127.0.5.6', port: 23456 }]]);
  });
});
