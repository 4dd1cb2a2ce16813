import { z } from 'zod';
import { Route } from '../../core/traffic.ts';
import type { ProxyTable } from '../../proxy/table/table.ts';
import { recordTypes, type RecordSet } from './record-set.ts';

/** What stands in the TXT record of a service: all that has to be known of it, changed in the same transaction as what clients get. */
export const DnsState = z.object({
  /** Of this form. */
  cutover: z.literal(1),
  service: z.string(),
  /** The route in force; null: the service was removed under `epoch`. */
  route: Route.nullable(),
  epoch: z.int().min(1),
  /** How long clients keep what they are told just now. */
  keeping: z.enum(['usual', 'short']),
  /** The records that are ours, as they were written. */
  sets: z
    .array(
      z.object({
        name: z.string(),
        type: z.enum(recordTypes),
        ttlSeconds: z.int(),
        values: z.array(z.string()).max(1024),
      }),
    )
    .max(8),
});
export type DnsState = z.infer<typeof DnsState>;

/** Where it stands; a name that begins with an underscore is no host's (RFC 8552). */
export const stateName = (service: string, zone: string): string => `${service}._cutover.${zone}`;

/** It is only read by controllers, from the primary, and never kept. */
const stateTtlSeconds = 1;
/** Of the 65,535 bytes that a message may have: it stands in an update twice, as it was and as it is to be. */
const mostBytes = 24_576;

/** Null if it is too long. */
export function stateSet(state: DnsState, zone: string): RecordSet | null {
  const text = JSON.stringify(state);
  if (Buffer.byteLength(text) > mostBytes) return null;
  return { name: stateName(state.service, zone), type: 'TXT', ttlSeconds: stateTtlSeconds, values: [text] };
}

/** Undefined for a text that is none of ours. */
export function parseState(text: string): DnsState | undefined {
  try {
    const parsed = DnsState.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** The state as the table that decides about epochs. */
export const tableOf = (state: DnsState | null): ProxyTable => ({
  version: 0,
  routes: state?.route ? [state.route] : [],
  removed: state && !state.route ? [{ service: state.service, epoch: state.epoch }] : [],
  standings: [],
});
