import type { RouteUpstreamTls } from '../../core/upstream.ts';
import { loadUpstreamContext, type NativeContext } from './context.ts';
import { looksOf, lookMs } from './file-looks.ts';

/** What instances are reached with over TLS: authorities and our own certificate, read again when the files change. */
export class UpstreamCredentials {
  /** Null while the files cannot be used, and never could. */
  context: NativeContext | null = null;
  /** Why the files as they are now are not used. */
  problem: string | null = null;
  private looks = '';
  private lookedAt = -Infinity;

  constructor(readonly tls: RouteUpstreamTls) {}

  /** Looks whether files have changed, at most once a second; `now` in milliseconds. */
  look(now: number): void {
    if (now - this.lookedAt < lookMs) return;
    this.lookedAt = now;
    const { ca, cert, key } = this.tls;
    const looks = [ca, cert, key].map((path) => (path === null ? '' : looksOf(path))).join();
    if (looks === this.looks) return;
    this.looks = looks;
    try {
      this.context = loadUpstreamContext(this.tls);
      this.problem = null;
    } catch (error) {
      this.problem = `${error instanceof Error ? error.message : String(error)}${this.context ? '; the one before is used' : ''}`;
    }
  }
}
