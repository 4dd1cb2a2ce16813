import type { Colour } from '../core/colour.ts';

/**
 * The sockets of a service are numbered. Number 0 is nobody's: what is sent there finds no program. The others belong to one instance
 * each, those of blue odd and those of green even.
 */
export const nobody = 0;

export const slotOf = (colour: Colour, index: number): number => 1 + 2 * index + (colour === 'green' ? 1 : 0);

/** Whose a slot is; null: nobody's. */
export const colourOf = (slot: number): Colour | null =>
  slot === nobody ? null : slot % 2 === 1 ? 'blue' : 'green';

/** How many sockets there are for a layer of so many instances: some more than needed, since they cost little and a release may want more. */
export const slotsFor = (instances: number): number => 1 + 2 * Math.max(4, instances);

/** 127.254.0.0, where nobody else is: packets with such a source come from this machine alone. */
const firstSource = 0x7f_fe_00_00;

/** Connections from this address reach the socket of that number, whoever is live. */
export const sourceOf = (slot: number): string => {
  const ip = firstSource + slot;
  return [ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255].join('.');
};

/** Whether a connection from there was one of our own, for a check. */
export const isOurs = (ip: string): boolean => ip.startsWith('127.254.') || ip.startsWith('::ffff:127.254.');

export { firstSource };
