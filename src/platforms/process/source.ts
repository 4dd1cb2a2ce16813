import type { Source } from '../../core/release.ts';
import type { ContentLimits } from './entry-path.ts';
import { extractArchive } from './archive.ts';
import { copyDirectory } from './directory.ts';
import { exclusion } from './exclusion.ts';
import { extractRevision } from './git.ts';

export interface Fetching {
  /** An empty directory. */
  readonly target: string;
  readonly home: string;
  readonly exclude: readonly string[];
  readonly limits?: ContentLimits;
  readonly signal?: AbortSignal | undefined;
}

/** Brings the artifact into an empty directory; returns what it was made from, for the manifest. */
export async function fetchSource(
  source: Source,
  { target, home, exclude, limits, signal }: Fetching,
): Promise<string> {
  const common = { target, signal, ...(limits ? { limits } : {}) };
  switch (source.kind) {
    case 'directory':
      await copyDirectory({ source: source.path, home, excluded: exclusion(exclude), ...common });
      return `directory ${source.path}`;
    case 'archive': {
      const sha256 = await extractArchive(source.path, source.sha256, { subject: source.path, ...common });
      return `archive ${source.path} sha256:${sha256}`;
    }
    case 'git':
      return `git ${source.repository} ${await extractRevision(source.repository, source.revision, common)}`;
  }
}
