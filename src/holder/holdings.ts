import { formatAddress, type Address } from '../core/address.ts';
import { SocketGroup } from './socket-group.ts';

/** The sockets of one service at one address. */
export interface Holding {
  readonly service: string;
  /** The host as the spec has it. */
  readonly host: string;
  readonly group: SocketGroup;
}

/** All sockets that are held: what a holder has, and its second as well. */
export class Holdings {
  #all: readonly Holding[] = [];

  all(): readonly Holding[] {
    return this.#all;
  }

  of(service: string): readonly Holding[] {
    return this.#all.filter((holding) => holding.service === service);
  }

  /** At this address; port 0: at whichever there is of this host. */
  at(service: string, { host, port }: Address): Holding | undefined {
    return this.#all.findLast(
      (holding) =>
        holding.service === service &&
        holding.host === host &&
        (port === 0 || holding.group.address.port === port),
    );
  }

  add(holding: Holding): void {
    this.#all = [...this.#all, holding];
  }

  /** Without closing it. */
  drop(holding: Holding): void {
    this.#all = this.#all.filter((each) => each !== holding);
  }

  /** What was handed over: as a group of its own, or at the end of one. */
  take(service: string, host: string, address: Address, from: number, fds: readonly number[]): void {
    const known = this.find(service, address);
    const before = known?.group.fds.slice(0, from) ?? [];
    const holding = { service, host, group: SocketGroup.of(address, [...before, ...fds]) };
    this.#all = known ? this.#all.map((each) => (each === known ? holding : each)) : [...this.#all, holding];
  }

  find(service: string, address: Address): Holding | undefined {
    const key = formatAddress(address);
    return this.#all.find(
      (holding) => holding.service === service && formatAddress(holding.group.address) === key,
    );
  }
}
