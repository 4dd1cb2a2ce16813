import { createReadStream } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack as makePack } from 'tar-stream';
import { entriesOf } from '../process/content.ts';

/** The content of a sealed release as a tar archive, made while it is read. An error of the disk is the stream's. */
export function packRelease(directory: string): Readable {
  const pack = makePack();
  const add = async (): Promise<void> => {
    for (const { path, kind, mode } of await entriesOf(directory)) {
      if (pack.destroyed) return;
      const at = join(directory, path);
      if (kind === 'file') {
        const { size } = await lstat(at);
        await pipeline(createReadStream(at), pack.entry({ name: path, mode, size }));
      } else if (kind === 'directory') pack.entry({ name: path, mode, type: 'directory' });
      else pack.entry({ name: path, mode, type: 'symlink', linkname: await readlink(at) });
    }
    pack.finalize();
  };
  add().catch((error: unknown) => pack.destroy(error instanceof Error ? error : new Error(String(error))));
  return Readable.from(pack);
}
