import { rename, stat } from 'node:fs/promises';
import { CutoverError } from '../../core/errors.ts';
import type { Route } from '../../core/traffic.ts';
import { openLog } from '../record/log-file.ts';

/** @throws CutoverError `io-failed` if lines could not be added to the access log of this route; it is refused before it is in force */
export async function examineAccessLog({ service, accessLog }: Route): Promise<void> {
  if (!accessLog || accessLog.file === null) return;
  const { file } = accessLog;
  try {
    await (await openLog(file)).close();
  } catch (cause) {
    throw new CutoverError(
      'io-failed',
      `service ${service}: expected an access log that lines can be added to, found ${file}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { next: 'make its directory, let the user of the proxy write there, or name another file', cause },
    );
  }
}

/**
 * Moves access logs aside that have reached their size: FILE to FILE.1, that to FILE.2, and so on; the oldest goes. Only the keeper does, so that it is
 * done once, whatever number of workers writes; they see that the file has another name and open a new one.
 */
export class LogRotation {
  private under: Promise<void> | null = null;

  constructor(private readonly log: (line: string) => void) {}

  /** Begins to look, unless it is at it still. */
  look(routes: readonly Route[]): void {
    this.under ??= this.rotate(routes).finally(() => (this.under = null));
  }

  private async rotate(routes: readonly Route[]): Promise<void> {
    const files = new Map<string, { maxBytes: number; files: number }>();
    for (const { accessLog } of routes) {
      if (!accessLog || accessLog.file === null) continue;
      const other = files.get(accessLog.file);
      // Of services that share a file the one that wants less decides.
      if (other === undefined || accessLog.maxBytes < other.maxBytes) files.set(accessLog.file, accessLog);
    }
    for (const [path, { maxBytes, files: kept }] of files)
      try {
        const found = await stat(path);
        if (!found.isFile() || found.size < maxBytes) continue;
        for (let number = kept - 1; number > 0; number--)
          await move(`${path}.${number}`, `${path}.${number + 1}`);
        await move(path, `${path}.1`);
      } catch (error) {
        if (isAbsent(error)) continue;
        this.log(
          `access log ${path}: it could not be rotated: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
  }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}
