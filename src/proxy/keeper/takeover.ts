import { formatAddress } from '../../core/address.ts';
import type { Listener } from '../data-plane.ts';
import { openInbox, type DescriptorInbox } from './descriptor-passing.ts';
import { closeDescriptor } from './libc.ts';
import { OrphanReport } from './messages.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';

const pollMs = 5;

/** Sends a signal to this very process, and to no other that has come by its pid. */
function signal(process_: ProcessIdentity, name: 'SIGUSR2' | 'SIGTERM' | 'SIGKILL'): void {
  if (isAlive(process_)) process.kill(process_.pid, name);
}

/**
 * Takes over from workers whose keeper has died: their listening sockets first, so that no connection that waits in a queue is
 * lost, and then, when the new workers accept, their end.
 */
export class Takeover {
  private readonly inbox: DescriptorInbox;
  private readonly drainingPids = new Set<number>();
  private readonly handedOver = new Map<string, Listener>();
  private readonly answeredPids = new Set<number>();

  /** @param inboxPath where the orphans send what they hold; see `start` in messages.ts */
  constructor(
    inboxPath: string,
    private readonly orphans: readonly ProcessIdentity[],
    private readonly answerMs: number,
  ) {
    this.inbox = openInbox(inboxPath);
  }

  /** The listening sockets of the orphans, by address. One that is draining already, or does not answer in time, gives none. */
  async listeners(): Promise<ReadonlyMap<string, Listener>> {
    for (const orphan of this.orphans) signal(orphan, 'SIGUSR2');
    await this.hearUntil(() =>
      this.orphans.every((orphan) => this.answeredPids.has(orphan.pid) || !isAlive(orphan)),
    );
    return this.handedOver;
  }

  /** Resolves when no orphan routes a new request any more. One that does not say so in time is killed. */
  async drain(): Promise<void> {
    for (const orphan of this.orphans) signal(orphan, 'SIGTERM');
    await this.hearUntil(() =>
      this.orphans.every((orphan) => this.drainingPids.has(orphan.pid) || !isAlive(orphan)),
    );
    for (const orphan of this.orphans) if (!this.drainingPids.has(orphan.pid)) signal(orphan, 'SIGKILL');
  }

  close(): void {
    this.inbox.close();
  }

  private async hearUntil(done: () => boolean): Promise<void> {
    const end = performance.now() + this.answerMs;
    for (;;) {
      for (let message = this.inbox.receive(); message; message = this.inbox.receive()) this.hear(message);
      if (done() || performance.now() > end) return;
      await Bun.sleep(pollMs);
    }
  }

  private hear({ text, fds }: { readonly text: string; readonly fds: readonly number[] }): void {
    const report = OrphanReport.parse(JSON.parse(text));
    if (report.kind === 'draining' || report.last) this.answeredPids.add(report.pid);
    if (report.kind === 'draining') this.drainingPids.add(report.pid);
    const addresses = report.kind === 'listeners' ? report.addresses : [];
    fds.forEach((fd, index) => {
      const address = addresses[index];
      const key = address && formatAddress(address);
      if (address && key !== undefined && !this.handedOver.has(key))
        this.handedOver.set(key, { address, fd });
      else closeDescriptor(fd);
    });
  }
}
