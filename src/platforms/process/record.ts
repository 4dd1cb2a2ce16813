import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { Address } from '../../core/address.ts';
import { Colour } from '../../core/colour-schema.ts';
import { WorkerSignal } from '../../core/spec/active.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Disk } from './disk.ts';
import { WorkerState } from './worker-lease.ts';
import { diskError, isAbsent } from './disk.ts';

const maxRecordBytes = 16 * 1024 * 1024;

/** A value of a variable: text, or the file that it is read from when an instance starts. */
export const VariableValue = z.union([z.string(), z.strictObject({ file: z.string() })]);
export type VariableValue = z.infer<typeof VariableValue>;

/** How workers are told, as `active` of the spec, read. */
const ActiveRun = z.strictObject({
  file: z.literal(true).optional(),
  signal: z.strictObject({ active: WorkerSignal, passive: WorkerSignal }).optional(),
  command: z
    .strictObject({ active: z.array(z.string()).min(1), passive: z.array(z.string()).min(1) })
    .optional(),
  http: z.strictObject({ path: z.string() }).optional(),
  within: z.number(),
});

/** One layer as it is to run. Times in milliseconds. */
export const LayerRun = z.strictObject({
  layer: z.string(),
  command: z.array(z.string()).min(1),
  variables: z.record(z.string(), VariableValue),
  stop: z.strictObject({ signal: z.string(), grace: z.number() }),
  restart: z.strictObject({ backoff: z.number(), max: z.number() }),
  logs: z.strictObject({ maxBytes: z.number(), files: z.number() }),
  active: ActiveRun.optional(),
  /** Where users reach it: it accepts on a socket that is held for it. */
  held: Address.optional(),
  instances: z.array(z.strictObject({ index: z.int().min(0), address: Address })),
});
export type LayerRun = z.infer<typeof LayerRun>;

/** What an environment is to run: enough to start it again without the spec. Values of secret files are not in it. */
export const Run = z.strictObject({
  service: z.string(),
  colour: Colour,
  release: z.int().min(1),
  version: z.string(),
  base: z.string(),
  layers: z.array(LayerRun),
});
export type Run = z.infer<typeof Run>;

/** `running`: instances that end are started again. `stopping`: they are being ended. `stopped`: none is left. */
export const RunRecord = z.strictObject({
  format: z.literal(1),
  phase: z.enum(['running', 'stopping', 'stopped']),
  run: Run,
  /** Of these layers only the first so many are to run; absent: all. */
  only: z.record(z.string(), z.int().min(0)).optional(),
});
export type RunRecord = z.infer<typeof RunRecord>;

/** Which process is an instance's: a pid alone is not enough, since pids are used again. */
export const ProcessIdentity = z.strictObject({
  pid: z.int().min(2),
  /** In the system's own unit; compared for equality only. */
  startTime: z.string(),
  bootId: z.string(),
});
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

export const InstanceRecord = z.strictObject({
  format: z.literal(1),
  tag: z.string(),
  process: ProcessIdentity.nullable(),
  /** Milliseconds since 1970. */
  startedAt: z.number().nullable(),
  restarts: z.int().min(0),
  /** Crashes without a good run between them. */
  inRow: z.int().min(0),
  lastExit: z.string().nullable(),
  /** Of a layer with `active`. */
  worker: WorkerState.optional(),
});
export type InstanceRecord = z.infer<typeof InstanceRecord>;

export const Manifest = z.strictObject({
  format: z.literal(1),
  service: z.string(),
  number: z.int().min(1),
  version: z.string(),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  files: z.int().min(0),
  bytes: z.int().min(0),
  /** What it was made from: a directory, an archive with its sha256, a commit. */
  source: z.string(),
  shippedAt: z.number(),
});
export type Manifest = z.infer<typeof Manifest>;

/** The service's place among all addresses of the machine, and what was placed last, so that the colours stay apart. */
export const AddressRecord = z.strictObject({
  format: z.literal(1),
  slot: z.int().min(0),
  placed: z.strictObject({ blue: z.array(Address), green: z.array(Address) }),
});
export type AddressRecord = z.infer<typeof AddressRecord>;

/** A record from its file; null if there is none. A damaged one is `state-damaged`, with `remedy` as what to do. */
export async function readRecord<T>(path: string, schema: z.ZodType<T>, remedy: string): Promise<T | null> {
  let text: string;
  try {
    if ((await stat(path)).size > maxRecordBytes)
      throw damaged(path, `it is larger than ${maxRecordBytes} bytes`, remedy);
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    if (isAbsent(thrown)) return null;
    throw diskError(thrown, 'reading', path);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw damaged(path, 'it is not JSON', remedy, thrown);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw damaged(path, z.prettifyError(parsed.error), remedy, parsed.error);
  return parsed.data;
}

export const writeRecord = (disk: Disk, path: string, record: unknown): Promise<void> =>
  disk.replace(path, `${JSON.stringify(record, null, 1)}\n`);

const damaged = (path: string, found: string, remedy: string, cause?: unknown): CutoverError =>
  new CutoverError('state-damaged', `${path}: expected a record that Cutover wrote; found that ${found}`, {
    next: remedy,
    detail: { path },
    ...(cause === undefined ? {} : { cause }),
  });
