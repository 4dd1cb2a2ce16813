import { join } from 'node:path';
import { z } from 'zod';
import { Address } from '../../core/address.ts';
import type { EnvironmentRef } from '../../ports/platform.ts';
import { colours } from '../../core/colour.ts';
import { namesIn } from '../process/addresses.ts';
import type { Disk } from '../process/disk.ts';
import { readRecord, writeRecord } from '../process/record.ts';
import { SshWay } from './ssh/way.ts';

const Seats = z.array(
  z.strictObject({
    layer: z.string(),
    index: z.int().min(0),
    host: z.string(),
    local: z.int().min(0),
    address: Address,
  }),
);
export type Seats = z.infer<typeof Seats>;

/** Which hosts an environment is on: enough to stop it without its spec. */
export const StackRecord = z.strictObject({
  format: z.literal(1),
  /** Where the instances of the release that was placed last are to be. */
  placed: Seats,
  /** Where they are, or were last; `up`: until they are stopped. */
  started: Seats,
  up: z.boolean(),
  /** Of these layers only the first so many are meant to be there; absent: all. */
  only: z.record(z.string(), z.int().min(0)).optional(),
  /** Hosts that did not answer when they were to stop: they are told before they are used again. */
  owed: z.array(z.string()),
  /** How those of these hosts are reached that have no agent. */
  ways: z.record(z.string(), SshWay).default({}),
});
export type StackRecord = z.infer<typeof StackRecord>;

const remedy = 'Remove the file and stop what runs on the hosts of the environment; then deploy again.';

/** The records of a home, one for each environment. */
export class StackRecords {
  constructor(
    private readonly home: string,
    private readonly disk: Disk,
  ) {}

  async read(environment: EnvironmentRef): Promise<StackRecord> {
    const found = await readRecord(this.#path(environment), StackRecord, remedy);
    return found ?? { format: 1, placed: [], started: [], up: false, owed: [], ways: {} };
  }

  async all(): Promise<{ environment: EnvironmentRef; record: StackRecord }[]> {
    const found: { environment: EnvironmentRef; record: StackRecord }[] = [];
    for (const service of await namesIn(join(this.home, 'stacks')))
      for (const colour of colours) {
        const environment = { service, colour };
        found.push({ environment, record: await this.read(environment) });
      }
    return found;
  }

  write(environment: EnvironmentRef, record: StackRecord): Promise<void> {
    return writeRecord(this.disk, this.#path(environment), record);
  }

  #path({ service, colour }: EnvironmentRef): string {
    return join(this.home, 'stacks', service, `${colour}.json`);
  }
}
