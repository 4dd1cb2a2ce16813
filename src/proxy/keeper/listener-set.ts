import { formatAddress, type Address } from '../../core/address.ts';
import type { Listener } from '../data-plane.ts';
import { closeDescriptor } from './libc.ts';
import { boundUnsent, listenOn } from './listening-socket.ts';

/** The listening sockets that the keeper owns, by address. While it owns one, connections wait there and none is refused. */
export class ListenerSet {
  private byAddress = new Map<string, Listener>();

  /** @param inherited from a keeper that died; what is not wanted is for the caller to close with `keepOnly` */
  constructor(inherited: ReadonlyMap<string, Listener>) {
    this.byAddress = new Map(inherited);
    // The keeper that opened them may have been of a version that did not bound them.
    for (const { fd } of inherited.values()) boundUnsent(fd);
  }

  all(): readonly Listener[] {
    return [...this.byAddress.values()];
  }

  has(address: Address): boolean {
    return this.byAddress.has(formatAddress(address));
  }

  /**
   * Opens what is not open yet, all or nothing.
   *
   * @returns for each address the one that is listened on: the same, but for port 0
   * @throws CutoverError as `listenOn`
   */
  async open(addresses: readonly Address[]): Promise<Address[]> {
    const opened: Listener[] = [];
    try {
      const real: Address[] = [];
      for (const address of addresses) {
        if (this.has(address)) {
          real.push(address);
          continue;
        }
        const listener = await listenOn(address);
        opened.push(listener);
        real.push(listener.address);
      }
      for (const listener of opened) this.byAddress.set(formatAddress(listener.address), listener);
      return real;
    } catch (error) {
      for (const { fd } of opened) closeDescriptor(fd);
      throw error;
    }
  }

  /** Closes this process's hold on every other socket. Workers that have one keep it until they drain. */
  keepOnly(addresses: ReadonlyMap<string, unknown>): void {
    for (const [key, { fd }] of this.byAddress) {
      if (addresses.has(key)) continue;
      this.byAddress.delete(key);
      closeDescriptor(fd);
    }
  }
}
