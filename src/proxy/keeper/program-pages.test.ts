import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { letGoOfProgramPages, unwrittenMappings } from './program-pages.ts';

const mapping = (head: string, anonymous: number): string =>
  `${head}\nSize:                 16 kB\nRss:                  16 kB\nAnonymous:            ${anonymous} kB\nVmFlags: rd mr mw me\n`;

test('only what nobody can write, comes from a file and was never written is let go', () => {
  const smaps = [
    mapping('00200000-00204000 r--p 00000000 fe:00 1234                       /usr/bin/bun', 0),
    mapping('00204000-0020c000 r-xp 00004000 fe:00 1234                       /usr/bin/bun', 0),
    // Relocations: written by the loader, then made read-only.
    mapping('0020c000-00210000 r--p 0000c000 fe:00 1234                       /usr/bin/bun', 4),
    mapping('00210000-00214000 rw-p 00010000 fe:00 1234                       /usr/bin/bun', 0),
    mapping('7f0000000000-7f0000004000 r--s 00000000 fe:00 99                 /var/cache/shared', 0),
    mapping('7f0000004000-7f0000008000 rwxp 00000000 00:00 0 ', 0),
    mapping('7f0000008000-7f000000c000 r-xp 00000000 00:00 0                  [vdso]', 0),
  ].join('');
  expect(unwrittenMappings(smaps)).toEqual([
    { from: 0x200000, bytes: 0x4000 },
    { from: 0x204000, bytes: 0x8000 },
  ]);
});

test('a program that lets its pages go is smaller, and goes on as before', () => {
  const residentKb = (): number =>
    Number(/^RssFile:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
  const before = residentKb();
  letGoOfProgramPages();
  // What reads the size has come back already.
  expect(residentKb()).toBeLessThan(0.8 * before);
  expect(JSON.parse('{"a":[1,2,3]}')).toEqual({ a: [1, 2, 3] });
  expect(new Bun.CryptoHasher('sha256').update('a').digest('hex')).toStartWith('ca978112');
});
