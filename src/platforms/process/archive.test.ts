import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack, type Header } from 'tar-stream';
import { CutoverError } from '../../core/errors.ts';
import { extractArchive } from './archive.ts';
import { contentLimits, type ContentLimits } from './entry-path.ts';

type EntryHeader = Partial<Header> & { name: string };
type TestEntry = EntryHeader & { text?: string };

/** A tar archive of these entries, as they are, however wrong. */
async function tarOf(entries: readonly TestEntry[]): Promise<Buffer> {
  const packed = pack();
  for (const { text, ...header } of entries)
    packed.entry({ type: 'file', mode: 0o644, ...header }, text ?? '');
  packed.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of packed) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('an archive', () => {
  let folder: string;
  let target: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cutover archive '));
    target = join(folder, 'target');
    mkdirSync(target);
    writeFileSync(join(folder, 'outside'), 'untouched');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const unpack = (
    bytes: Uint8Array,
    sha256?: string,
    limits: ContentLimits = contentLimits,
  ): Promise<string> => {
    const path = join(folder, 'app.tar');
    writeFileSync(path, bytes);
    return extractArchive(path, sha256, { subject: 'app.tar', target, limits });
  };
  const refusal = async (work: Promise<unknown>): Promise<string> => {
    try {
      await work;
      return 'unpacked';
    } catch (error) {
      if (!(error instanceof CutoverError)) throw error;
      return `${error.code}: ${error.message}`;
    }
  };
  const hash = (bytes: Uint8Array): string => new Bun.CryptoHasher('sha256').update(bytes).digest('hex');

  const good: TestEntry[] = [
    { name: './', type: 'directory', mode: 0o755 },
    { name: 'bin/', type: 'directory', mode: 0o755 },
    { name: 'bin/run', mode: 0o4755, text: '#!/bin/sh\n' },
    { name: './deep/er/file', text: 'content' },
    { name: 'link', type: 'symlink', linkname: 'deep/er/file' },
    { name: 'hard', type: 'link', linkname: 'bin/run' },
    { name: 'empty', text: '' },
    { name: `long/${'n'.repeat(120)}/${'m'.repeat(120)}`, text: 'long' },
  ];

  test('is unpacked with its modes and links, plain or compressed', async () => {
    for (const compress of [false, true]) {
      rmSync(target, { recursive: true });
      mkdirSync(target);
      const bytes = compress ? gzipSync(await tarOf(good)) : await tarOf(good);
      expect(await unpack(bytes, hash(bytes))).toBe(hash(bytes));
      expect(readFileSync(join(target, 'deep/er/file'), 'utf8')).toBe('content');
      expect(readlinkSync(join(target, 'link'))).toBe('deep/er/file');
      expect(readFileSync(join(target, 'hard'), 'utf8')).toBe('#!/bin/sh\n');
      // The bits that change who a program runs as are dropped.
      expect(statSync(join(target, 'bin/run')).mode & 0o7777).toBe(0o755);
      expect(statSync(join(target, 'empty')).size).toBe(0);
      expect(readdirSync(join(target, 'long', 'n'.repeat(120)))).toEqual(['m'.repeat(120)]);
    }
  });

  const attacks: [string, TestEntry[]][] = [
    ['an absolute path', [{ name: '/etc/cutover-was-here', text: 'x' }]],
    ['a path with ..', [{ name: '../outside', text: 'x' }]],
    ['a path with .. in the middle', [{ name: 'a/../../outside', text: 'x' }]],
    ['a link that leaves', [{ name: 'l', type: 'symlink', linkname: '../outside' }]],
    ['an absolute link', [{ name: 'l', type: 'symlink', linkname: '/etc/passwd' }]],
    [
      'a link that leaves by way of another',
      [
        { name: 'd/e/', type: 'directory' },
        { name: 'd/e/up', type: 'symlink', linkname: '../..' },
        { name: 't', type: 'symlink', linkname: 'd/e/up/../outside' },
      ],
    ],
    [
      'links in a circle',
      [
        { name: 'a', type: 'symlink', linkname: 'b' },
        { name: 'b', type: 'symlink', linkname: 'a' },
      ],
    ],
    [
      'writing through a link',
      [
        { name: 'd', type: 'symlink', linkname: '.' },
        { name: 'd/file', text: 'x' },
      ],
    ],
    [
      'writing through a link that leaves',
      [
        { name: 'd', type: 'symlink', linkname: '..' },
        { name: 'd/outside', text: 'x' },
      ],
    ],
    [
      'a directory in place of a link',
      [
        { name: 'd', type: 'symlink', linkname: '..' },
        { name: 'd', type: 'directory' },
        { name: 'd/outside', text: 'x' },
      ],
    ],
    [
      'a file through a file',
      [
        { name: 'd', text: 'x' },
        { name: 'd/file', text: 'x' },
      ],
    ],
    [
      'a file in place of a link',
      [
        { name: 'd', type: 'symlink', linkname: '../outside' },
        { name: 'd', text: 'x' },
      ],
    ],
    [
      'the same file twice',
      [
        { name: 'a', text: 'x' },
        { name: './a', text: 'y' },
      ],
    ],
    ['a hard link to outside', [{ name: 'h', type: 'link', linkname: '../outside' }]],
    ['a hard link to an absolute path', [{ name: 'h', type: 'link', linkname: '/etc/passwd' }]],
    [
      'a hard link to a link',
      [
        { name: 'l', type: 'symlink', linkname: 'x' },
        { name: 'h', type: 'link', linkname: 'l' },
      ],
    ],
    ['a hard link to nothing', [{ name: 'h', type: 'link', linkname: 'none' }]],
    ['a device', [{ name: 'd', type: 'character-device', devmajor: 1, devminor: 3 }]],
    ['a block device', [{ name: 'd', type: 'block-device', devmajor: 8, devminor: 0 }]],
    ['a pipe', [{ name: 'p', type: 'fifo' }]],
    ['a file named as the directory itself', [{ name: './.', text: 'x' }]],
    ['a sparse file', [{ name: 's', text: 'x', pax: { 'GNU.sparse.major': '1' } }]],
  ];
  test.each(attacks)('with %s is refused, and nothing outside is touched', async (_, entries) => {
    expect(await refusal(unpack(await tarOf([{ name: 'first', text: 'x' }, ...entries])))).toStartWith(
      'source-invalid',
    );
    expect(readFileSync(join(folder, 'outside'), 'utf8')).toBe('untouched');
    expect(readdirSync(folder).sort()).toEqual(['app.tar', 'outside', 'target']);
  });

  test('that is truncated anywhere is refused, plain or compressed', async () => {
    const plain = await tarOf([
      { name: 'a', text: 'a'.repeat(700) },
      { name: 'b', text: 'b' },
    ]);
    const gzipped = gzipSync(plain);
    for (let size = 0; size < plain.length - 1; size += 256) {
      rmSync(target, { recursive: true });
      mkdirSync(target);
      expect(await refusal(unpack(plain.subarray(0, size)))).toStartWith('source-invalid');
    }
    for (let size = 0; size < gzipped.length; size += 7) {
      rmSync(target, { recursive: true });
      mkdirSync(target);
      expect(await refusal(unpack(gzipped.subarray(0, size)))).toStartWith('source-invalid');
    }
  });

  test('that is none, or has a damaged header, is refused', async () => {
    expect(await refusal(unpack(Buffer.from('PK not a tar'.repeat(200))))).toStartWith('source-invalid');
    const damaged = await tarOf([{ name: 'a', text: 'x' }]);
    damaged[10] = 0x41;
    expect(await refusal(unpack(damaged))).toStartWith('source-invalid');
    expect(
      await refusal(extractArchive(join(folder, 'absent.tar'), undefined, { subject: 'x', target })),
    ).toMatch(/absent\.tar.*nothing there/);
    expect(await refusal(extractArchive(target, undefined, { subject: 'x', target }))).toMatch(/no file/);
  });

  test('with another checksum is refused before anything of it is unpacked', async () => {
    const found = await refusal(unpack(await tarOf(good), '0'.repeat(64)));
    expect(found).toStartWith('checksum-mismatch');
    expect(readdirSync(target)).toEqual([]);
  });

  test('beyond the limits is refused: entries, bytes, what hard links add', async () => {
    const limits = { ...contentLimits, entries: 5, bytes: 1000 };
    const many = Array.from({ length: 6 }, (_, i) => ({ name: `f${i}`, text: 'x' }));
    expect(await refusal(unpack(await tarOf(many), undefined, limits))).toMatch(/at most 5 files/);
    const deep = [{ name: 'a/b/c/d/e/f', text: 'x' }];
    rmSync(target, { recursive: true });
    mkdirSync(target);
    expect(await refusal(unpack(await tarOf(deep), undefined, limits))).toMatch(/at most 5 files/);
    rmSync(target, { recursive: true });
    mkdirSync(target);
    const bomb = gzipSync(await tarOf([{ name: 'zeros', text: '0'.repeat(1001) }]));
    expect(await refusal(unpack(bomb, undefined, limits))).toMatch(/at most 1000 bytes/);
    rmSync(target, { recursive: true });
    mkdirSync(target);
    const links = [
      { name: 'f', text: '0'.repeat(400) },
      ...['a', 'b'].map((name) => ({ name, type: 'link' as const, linkname: 'f' })),
    ];
    expect(await refusal(unpack(await tarOf(links), undefined, limits))).toMatch(/at most 1000 bytes/);
  });

  test('is not unpacked further when the signal is aborted', async () => {
    const path = join(folder, 'app.tar');
    writeFileSync(path, await tarOf(good));
    const reason = new Error('enough');
    expect(
      extractArchive(path, undefined, { subject: 'x', target, signal: AbortSignal.abort(reason) }),
    ).rejects.toThrow('enough');
  });
});
