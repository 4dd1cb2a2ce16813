import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { CutoverError } from '../../core/errors.ts';
import { checkSize, linkLeaves } from './directory.ts';
import { diskError, systemCode } from './disk.ts';
import { contentLimits, entryParts, followLink, sourceInvalid, type ContentLimits } from './entry-path.ts';

export interface Extraction {
  /** The name of the archive, for messages. */
  readonly subject: string;
  /** An empty directory. */
  readonly target: string;
  readonly limits?: ContentLimits;
  readonly signal?: AbortSignal | undefined;
}

const next = 'Make the archive anew, with relative paths, e.g. tar -czf app.tar.gz -C app .';

/** An archive ends with two blocks of zeros (POSIX.1-2017, pax, ustar): without them a part of it is missing. */
class EndMark extends Transform {
  #last = Buffer.alloc(0);
  get whole(): boolean {
    return this.#last.length >= 1024 && this.#last.every((byte) => byte === 0);
  }
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#last = Buffer.concat([this.#last, chunk.subarray(-1024)]).subarray(-1024);
    done(null, chunk);
  }
}

/**
 * Unpacks a tar archive into an empty directory. Refused, whatever the rest holds: a path that is absolute or has `..`, a
 * path through something that is no directory, the same file twice, links that leave the directory, devices and pipes, sparse
 * files, a truncated archive, one beyond the limits. Links are made when all files are, so that none is ever written through.
 */
export async function extractTar(
  stream: Readable,
  { subject, target, limits = contentLimits, signal }: Extraction,
): Promise<void> {
  const kinds = new Map<string, 'file' | 'directory' | 'link'>();
  const modes = new Map<string, number>();
  const links = new Map<string, string>();
  const count = { entries: 0, bytes: 0 };
  const refuse = (name: string, expected: string, found: string): Error =>
    sourceInvalid(`${subject}: ${name}`, expected, found, next);

  const makeParents = async (name: string, parts: readonly string[]): Promise<void> => {
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join('/');
      const kind = kinds.get(path);
      if (kind !== undefined && kind !== 'directory')
        throw refuse(name, 'a path through directories', `that ${path} is a ${kind}`);
      if (kind === undefined) {
        count.entries++;
        checkSize(subject, count, limits);
        await mkdir(join(target, path), { mode: 0o700 });
        kinds.set(path, 'directory');
        modes.set(path, 0o755);
      }
    }
  };

  const unpack = async (header: Header, content: AsyncIterable<unknown>): Promise<void> => {
    const { name } = header;
    const parts = entryParts(name, limits);
    if (!parts) throw refuse(name, 'a relative path without ..', 'one that leaves the directory');
    const path = parts.join('/');
    if (path === '' && header.type === 'directory') return;
    if (path === '') throw refuse(name, 'a path of a file', 'the directory itself');
    count.entries++;
    count.bytes += header.size;
    checkSize(subject, count, limits);
    await makeParents(name, parts);
    const before = kinds.get(path);
    if (before !== undefined && !(before === 'directory' && header.type === 'directory')) {
      throw refuse(name, 'each path once', 'it twice');
    }
    const to = join(target, path);
    switch (header.type) {
      case 'directory':
        if (before === undefined) await mkdir(to, { mode: 0o700 });
        kinds.set(path, 'directory');
        modes.set(path, header.mode & 0o777);
        return;
      case 'file':
      case 'contiguous-file': {
        if (isSparse(header)) {
          throw refuse(name, 'a plain file', 'a sparse one');
        }
        kinds.set(path, 'file');
        await writeFile(to, content);
        await chmod(to, (header.mode & 0o777) | 0o400);
        return;
      }
      case 'link': {
        const original = entryParts(header.linkname ?? '', limits)?.join('/');
        if (original === undefined || kinds.get(original) !== 'file') {
          throw refuse(
            name,
            'a hard link to a file that came before it in the archive',
            `one to ${header.linkname ?? 'nothing'}`,
          );
        }
        const file = await open(join(target, original), constants.O_RDONLY | constants.O_NOFOLLOW);
        try {
          count.bytes += (await file.stat()).size;
        } finally {
          await file.close();
        }
        checkSize(subject, count, limits);
        await copyFile(join(target, original), to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
        kinds.set(path, 'file');
        return;
      }
      case 'symlink':
        kinds.set(path, 'link');
        links.set(path, header.linkname ?? '');
        return;
      default:
        throw refuse(
          name,
          'a file, a directory or a link',
          `a ${header.type ?? 'kind of entry that is not known'}`,
        );
    }
  };

  const parser = extract();
  const end = new EndMark();
  const unpackAll = async (): Promise<void> => {
    for await (const entry of parser) {
      signal?.throwIfAborted();
      await unpack(entry.header, entry);
      entry.resume();
    }
  };
  let refused: unknown;
  const unpacking = unpackAll().catch((thrown: unknown) => {
    refused = thrown;
    parser.destroy(thrown instanceof Error ? thrown : new Error(String(thrown)));
  });
  try {
    await pipeline(stream, end, parser, signal ? { signal } : {});
    await unpacking;
  } catch (thrown) {
    await unpacking;
    refused ??= thrown;
  }
  if (signal?.aborted) throw signal.reason;
  if (refused !== undefined) throw asArchiveError(refused, subject, target);
  if (!end.whole) throw sourceInvalid(subject, 'a whole tar archive', 'one that ends too early', next);
  try {
    for (const [path, text] of links) {
      if (!followLink(path.split('/'), text, (at) => links.get(at)))
        throw linkLeaves(`${subject}: ${path}`, text);
      await symlink(text, join(target, path));
    }
    for (const [path, mode] of modes) await chmod(join(target, path), mode | 0o700);
  } catch (thrown) {
    throw diskError(thrown, 'unpacking', target);
  }
}

/** GNU tar's newer sparse format looks like a plain file, but its content begins with a map of holes. */
function isSparse(header: object): boolean {
  const pax = 'pax' in header ? header.pax : null;
  return (
    typeof pax === 'object' && pax !== null && Object.keys(pax).some((key) => key.startsWith('GNU.sparse'))
  );
}

async function writeFile(path: string, content: AsyncIterable<unknown>): Promise<void> {
  const file = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    for await (const chunk of content) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError('expected bytes from the tar reader');
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
}

/** An error of the disk stays one; what the tar reader and zlib say is about the archive. */
function asArchiveError(thrown: unknown, subject: string, target: string): Error {
  if (thrown instanceof CutoverError) return thrown;
  const code = systemCode(thrown);
  if (code !== undefined && /^E[A-Z]+$/.test(code)) return diskError(thrown, 'unpacking', target);
  const found = thrown instanceof Error ? thrown.message : String(thrown);
  return sourceInvalid(
    subject,
    'a tar archive, plain or compressed with gzip',
    `what cannot be read as one (${found})`,
    next,
    thrown,
  );
}

/**
 * Unpacks an archive file, compressed if it begins as gzip does (RFC 1952 §2.3.1), and returns its sha256. If one is
 * expected, the file is read first and refused as `checksum-mismatch` before anything of it is looked at; and what is
 * unpacked is hashed once more, so that a file that changed in between is refused too.
 */
export async function extractArchive(
  path: string,
  expected: string | undefined,
  extraction: Extraction,
): Promise<string> {
  const { signal } = extraction;
  if (expected !== undefined) checkHash(path, expected, await hashOf(path, signal));
  const first = await firstBytes(path);
  const hash = new Bun.CryptoHasher('sha256');
  const hashed = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const file = Readable.from(chunksOf(path));
  const gzipped = first[0] === 0x1f && first[1] === 0x8b;
  const unpacked = gzipped ? file.pipe(hashed).pipe(createGunzip()) : file.pipe(hashed);
  for (const stage of [file, hashed]) stage.on('error', (error) => unpacked.destroy(error));
  try {
    await extractTar(unpacked, extraction);
  } finally {
    file.destroy();
    hashed.destroy();
  }
  const found = hash.digest('hex');
  if (expected !== undefined) checkHash(path, expected, found);
  return found;
}

function checkHash(path: string, expected: string, found: string): void {
  if (found === expected) return;
  throw new CutoverError('checksum-mismatch', `${path}: expected the sha256 ${expected}; found ${found}`, {
    next: 'Fetch the archive again. If it was meant to change, change the checksum in the spec.',
    detail: { expected, found },
  });
}

async function hashOf(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = new Bun.CryptoHasher('sha256');
  for await (const chunk of chunksOf(path)) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest('hex');
}

async function firstBytes(path: string): Promise<Uint8Array> {
  for await (const chunk of chunksOf(path)) return chunk;
  throw sourceInvalid(path, 'a tar archive', 'an empty file', next);
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  let file;
  try {
    // Not waiting for a writer, should it be a pipe.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT')
      throw sourceInvalid(path, 'an archive', 'nothing there', 'See release.from in the spec.', thrown);
    throw diskError(thrown, 'reading', path);
  }
  try {
    if (!(await file.stat()).isFile())
      throw sourceInvalid(path, 'an archive', 'something that is no file', 'See release.from in the spec.');
    for (;;) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(256 * 1024), 0, 256 * 1024, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
