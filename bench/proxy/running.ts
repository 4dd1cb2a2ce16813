import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Address } from '../../src/core/address.ts';
import type { Peer, PeerWishes, RunningPeer } from './peer.ts';

/** A port that was free a moment ago. */
function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

/** What runs for a case, and is ended whatever happens, the last first. */
export class Running {
  readonly directory: string;
  private readonly ends: (() => Promise<void> | void)[] = [];
  private directories = 0;

  constructor(readonly signal: AbortSignal) {
    this.directory = mkdtempSync(join(tmpdir(), 'cutover-bench-'));
    this.add(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  add(end: () => Promise<void> | void): void {
    this.ends.push(end);
  }

  async endAll(): Promise<void> {
    for (let end = this.ends.pop(); end; end = this.ends.pop()) await end();
  }

  freeAddress(): Address {
    return { host: '127.0.0.1', port: freePort() };
  }

  /** A new directory; its name begins with this. */
  directoryFor(name: string): string {
    const directory = join(this.directory, `${name.replaceAll(' ', '-')}-${this.directories++}`);
    mkdirSync(directory);
    return directory;
  }

  async startOrigin(): Promise<Address> {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, 'origin.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.add(async () => {
      child.kill();
      await child.exited;
    });
    for await (const chunk of child.stdout)
      return { host: '127.0.0.1', port: Number(Buffer.from(chunk).toString()) };
    throw new Error('the origin did not start');
  }

  /** Starts a peer before this origin, on a free port and in a directory of its own. */
  async startPeer(peer: Peer, origin: Address, more: PeerWishes = {}): Promise<RunningPeer> {
    const place = { origin, listen: this.freeAddress(), directory: this.directoryFor(peer.name), ...more };
    const started = await peer.start(place);
    this.add(() => started.stop());
    return started;
  }
}
