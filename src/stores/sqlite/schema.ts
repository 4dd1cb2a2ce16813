import { z } from 'zod';

/** The number of this schema, in `user_version`. A greater one in a file was written by a newer Cutover. */
export const schemaVersion = 1;

/** Marks a file as ours (`application_id`): "Cut1". */
export const applicationId = 0x43757431;

/**
 * `id` numbers all events from 1 without a gap. `head` has the last version of each stream, so that lost rows at its end are
 * seen; each row has a checksum (CRC-32) of what it says, so that a flipped bit is.
 */
export const tables = `
  CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    at REAL NOT NULL,
    body TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (stream, version)
  ) STRICT;
  CREATE TABLE head (stream TEXT PRIMARY KEY, version INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;
  CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    fence INTEGER NOT NULL,
    holder TEXT,
    expires_at REAL NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;
`;

// A damaged file can hold a value of any type in any column, so rows are parsed like all else that comes from outside.
export const EventRow = z.object({
  stream: z.string(),
  version: z.number(),
  at: z.number(),
  body: z.string(),
  checksum: z.number(),
});
export type EventRow = z.infer<typeof EventRow>;
export const HeadRow = z.object({ stream: z.string(), version: z.number(), checksum: z.number() });
export type HeadRow = z.infer<typeof HeadRow>;
export const LeaseRow = z.object({
  name: z.string(),
  fence: z.number(),
  holder: z.string().nullable(),
  expires_at: z.number(),
  checksum: z.number(),
});
export type LeaseRow = z.infer<typeof LeaseRow>;

const crc = (...parts: (string | number | null)[]): number => Bun.hash.crc32(JSON.stringify(parts));

export const eventChecksum = (row: Omit<EventRow, 'checksum'>): number =>
  crc(row.stream, row.version, row.at, row.body);
export const headChecksum = (row: Omit<HeadRow, 'checksum'>): number => crc(row.stream, row.version);
export const leaseChecksum = (row: Omit<LeaseRow, 'checksum'>): number =>
  crc(row.name, row.fence, row.holder, row.expires_at);
