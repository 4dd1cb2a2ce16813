import { z } from 'zod';
import { Address } from '../core/address.ts';
import { Colour } from '../core/colour-schema.ts';

/** Where the holder answers, within the home directory (`socketPath` in config/home.ts). */
export const holderSocketName = 'holder/admin.sock';

/** A copy of the socket of one instance is asked for. */
export const SocketOrder = z.strictObject({
  listen: Address,
  colour: Colour,
  index: z.int().min(0).max(1023),
  /** How many instances there are to be. */
  instances: z.int().min(1).max(1024),
  /** Where the copy is sent to. */
  inbox: z.string().min(1).max(107),
});
export type SocketOrder = z.infer<typeof SocketOrder>;

/** It was sent. */
export const SocketSent = z.object({
  /** Where users reach it: an IP address, and the real port. */
  address: Address,
  slot: z.int().min(1),
});
export type SocketSent = z.infer<typeof SocketSent>;

/** What is known of the sockets of a service. */
export const SlotsSeen = z.object({
  /** Each listening address, the one in force first. */
  addresses: z.array(Address),
  slots: z.array(
    z.object({
      colour: Colour,
      /** By which the kernel tells it from others. */
      inode: z.int(),
      /** Connections that no program has accepted yet. */
      waiting: z.int().min(0),
    }),
  ),
});
export type SlotsSeen = z.infer<typeof SlotsSeen>;

export const HolderStatus = z.object({
  pid: z.int(),
  version: z.string(),
  startedAt: z.number(),
  /** The process that has the sockets too; null while there is none. */
  second: z.int().nullable(),
  services: z.array(z.object({ service: z.string(), address: Address, sockets: z.int() })),
  warnings: z.array(z.string()),
});
export type HolderStatus = z.infer<typeof HolderStatus>;

export const ApplyAnswer = z.object({ changed: z.boolean() });
export const Done = z.object({ done: z.literal(true), pid: z.int() });

/** From the holder to its second. The descriptors come to the inbox before. */
export const ToSecond = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('hold'),
    id: z.int(),
    service: z.string(),
    host: z.string(),
    address: Address,
    /** The number of the first of them in their group. */
    from: z.int().min(0),
  }),
  z.object({ kind: z.literal('forget'), id: z.int(), service: z.string(), address: Address }),
  /** The holder ends, and nobody is to take its place. */
  z.object({ kind: z.literal('end'), id: z.int() }),
]);
export type ToSecond = z.infer<typeof ToSecond>;

export const FromSecond = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('done'), id: z.int() }),
]);
export type FromSecond = z.infer<typeof FromSecond>;
