import { formatAddress } from '../../core/address.ts';
import type { Listener } from '../data-plane.ts';
import { openInbox, type DescriptorInbox } from './descriptor-passing.ts';
import { closeDescriptor } from './libc.ts';
import { OrphanReport } from './messages.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';

const pollMs = 5;
/** A worker says that it is quiet after one and a half seconds, or ends before. */
const quietMs = 4000;

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
  private readonly quietPids = new Set<number>();
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
    await this.hearUntil(
      () => this.orphans.every((orphan) => this.answeredPids.has(orphan.pid) || !isAlive(orphan)),
      this.answerMs,
    );
    return this.handedOver;
  }

  /** Resolves when no orphan routes a new request any more. One that does not say so in time is killed. */
  async drain(): Promise<void> {
    for (const orphan of this.orphans) signal(orphan, 'SIGTERM');
    // One that did not answer before is stuck, and need not be waited for.
    const heard = this.orphans.filter(({ pid }) => this.answeredPids.has(pid));
    await this.hearUntil(
      () => heard.every((orphan) => this.quietPids.has(orphan.pid) || !isAlive(orphan)),
      quietMs,
    );
    const silent = this.orphans.filter((orphan) => !this.quietPids.has(orphan.pid));
    for (const orphan of silent) signal(orphan, 'SIGKILL');
    await this.hearUntil(() => !silent.some(isAlive), this.answerMs);
  }

  close(): void {
    this.inbox.close();
  }

  private async hearUntil(done: () => boolean, limitMs: number): Promise<void> {
    const end = performance.now() + limitMs;
    for (;;) {
      for (let message = this.inbox.receive(); message; message = this.inbox.receive()) this.hear(message);
      if (done() || performance.now() > end) return;
      await Bun.sleep(pollMs);
    }
  }

  private hear({ text, fds }: { readonly text: string; readonly fds: readonly number[] }): void {
    const report = OrphanReport.parse(JSON.parse(text));
    if (report.kind !== 'listeners' || report.last) this.answeredPids.add(report.pid);
    if (report.kind === 'quiet') this.quietPids.add(report.pid);
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
