import type { Address } from '../core/address.ts';
import type { Colour } from '../core/colour.ts';

/** The place of one instance that is reached without a router in between. */
export interface HeldPlace {
  readonly service: string;
  readonly colour: Colour;
  readonly index: number;
  /** How many instances there are to be. */
  readonly instances: number;
  /** Where users reach the service. */
  readonly listen: Address;
  /** Where this instance alone is asked. */
  readonly address: Address;
}

/** What an instance is started with. */
export interface HeldSocket {
  /** A descriptor of this process, of a socket that listens; the caller's to close. */
  readonly fd: number;
  /** Argument vector before that of the program: has it find the descriptor as number 3, by the protocol of sd_listen_fds(3). */
  readonly launcher: readonly string[];
}

/**
 * Listening sockets that are held for instances, so that they outlive them.
 *
 * - `take` gives the socket of that place: always the same one. Connections come to it if the router says so, and those of `lead`.
 * - `lead` makes the address of the place lead to this instance alone, from when it accepts on its socket, whoever is live. Called again for a
 *   place it begins anew. `leave` ends that.
 * - `accepts`: whether the instance there has accepted since `lead` was called.
 */
export interface HeldSockets {
  take(place: HeldPlace): Promise<HeldSocket>;
  lead(place: HeldPlace): Promise<void>;
  leave(place: Pick<HeldPlace, 'address'>): void;
  accepts(place: Pick<HeldPlace, 'address'>): boolean;
  /** Leads nowhere any more. Sockets stay. */
  close(): void;
}
