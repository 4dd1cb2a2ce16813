import type { RouteTls } from '../../core/traffic.ts';
import { loadCertificate, type NativeContext, type ServedCertificate } from './context.ts';
import { looksOf, lookMs } from './file-looks.ts';

/** One certificate of a route with what its files looked like when they were read. */
class Kept {
  served: ServedCertificate | null = null;
  /** Why the files as they are now are not served. */
  problem: string | null = null;
  private looks = '';

  constructor(
    readonly files: RouteTls['certificates'][number],
    private readonly tls: RouteTls,
  ) {}

  /** Reads the files again if they have changed; true if another certificate is served from now on. */
  look(): boolean {
    const looks = [this.files.cert, this.files.key, this.tls.clientCa]
      .map((path) => (path === null ? '' : looksOf(path)))
      .join();
    if (looks === this.looks) return false;
    this.looks = looks;
    try {
      this.served = loadCertificate(this.files, this.tls);
      this.problem = null;
      return true;
    } catch (error) {
      this.problem = `${error instanceof Error ? error.message : String(error)}${this.served ? '; the one before is served' : ''}`;
      return false;
    }
  }
}

/** The certificates of one route as they are served: by the host that a client asks for, and read again when files change. */
export class Certificates {
  private readonly kept: readonly Kept[];
  private byHost = new Map<string, NativeContext>();
  private lookedAt = -Infinity;

  constructor(readonly tls: RouteTls) {
    this.kept = tls.certificates.map((files) => new Kept(files, tls));
  }

  /** The context for clients that name no host, or one that no certificate is for; null while no file can be read. */
  get fallback(): NativeContext | null {
    return this.kept.find(({ served }) => served !== null)?.served?.context ?? null;
  }

  /** Until when each of those that are served is valid, by the path of its file. */
  validity(): { readonly file: string; readonly notAfter: number }[] {
    return this.kept.flatMap(({ files, served }) =>
      served === null ? [] : [{ file: files.cert, notAfter: served.validity.until }],
    );
  }

  /** Each with what is served of it, and why its files as they are now are not. */
  all(): readonly Readonly<Pick<Kept, 'files' | 'served' | 'problem'>>[] {
    return this.kept;
  }

  /** What is wrong with files just now. */
  problems(): string[] {
    return this.kept.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  }

  /** The context for the host of a client's server_name extension (RFC 6066 §3). */
  contextFor(host: string): NativeContext | null {
    const name = host.toLowerCase();
    return (
      this.byHost.get(name) ?? this.byHost.get(`*${name.slice(name.indexOf('.') >>> 0)}`) ?? this.fallback
    );
  }

  /** Looks whether files have changed, at most once a second; `now` in milliseconds. True if `fallback` is another one. */
  look(now: number): boolean {
    if (now - this.lookedAt < lookMs) return false;
    this.lookedAt = now;
    const { fallback } = this;
    const changed = this.kept.filter((kept) => kept.look());
    if (changed.length === 0) return false;
    const byHost = new Map<string, NativeContext>();
    // The first that names a host has it.
    for (const { served } of this.kept)
      for (const host of served?.hosts ?? [])
        if (!byHost.has(host) && served !== null) byHost.set(host, served.context);
    this.byHost = byHost;
    return this.fallback !== fallback;
  }
}
