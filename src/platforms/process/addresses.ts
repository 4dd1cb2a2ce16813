import { readdir } from 'node:fs/promises';
import type { Address } from '../../core/address.ts';
import { formatAddress } from '../../core/address.ts';
import { other } from '../../core/colour.ts';
import type { Placement } from '../../core/placement.ts';
import type { Release } from '../../core/release.ts';
import type { EnvironmentRef } from '../../ports/platform.ts';
import { choosePlacement, slotCount, slotHost } from '../choose-placement.ts';
import { Turn } from '../../core/turn.ts';
import { isAbsent, type Disk } from './disk.ts';
import type { Layout } from './layout.ts';
import { hasHost, probeAddress } from './ports.ts';
import { AddressRecord, readRecord, writeRecord } from './record.ts';

const remedy = 'Remove the file: addresses are then chosen anew at the next deployment.';

/**
 * Where the services of one state directory are on this machine. Each has a slot of its own, by a hash of directory and
 * name, so that two controllers on one machine seldom meet; and where they do, the ports are tried before they are given.
 */
export class AddressBook {
  readonly #turn = new Turn();

  constructor(
    private readonly layout: Layout,
    private readonly disk: Disk,
    /** Where all instances listen; absent: on this machine alone, as the spec says. */
    private readonly host?: string,
  ) {}

  /** @param running where this environment's instances are now: these addresses are its own */
  place(
    { service, colour }: EnvironmentRef,
    release: Release,
    previous: Placement | null,
    running: readonly Address[],
  ): Promise<Placement> {
    return this.#turn.take(async () => {
      const { spec } = release;
      const records = await this.#records();
      const record = records.get(service) ?? {
        format: 1,
        slot: this.#freeSlot(service, records),
        placed: { blue: [], green: [] },
      };
      const others = [...records].flatMap(([name, { placed }]) =>
        name === service ? [] : [...placed.blue, ...placed.green],
      );
      const own = new Set(running.map(formatAddress));
      const wantsIp =
        this.host === undefined && spec.platform.addresses === 'ip' && process.platform === 'linux';
      const placement = choosePlacement({
        service,
        colour,
        layers: Object.entries(spec.environments.layers).map(([layer, { instances, port }]) => ({
          layer,
          instances,
          port,
        })),
        previous,
        mode: wantsIp && hasHost(slotHost(record.slot, colour)) ? 'ip' : 'port',
        host: this.host,
        slot: record.slot,
        avoid: [spec.router.listen.port, spec.router.preview?.port ?? 0],
        taken: [...record.placed[other(colour)], ...others],
        holds: (address) => own.has(formatAddress(address)),
        probe: probeAddress,
      });
      const placed = { ...record.placed, [colour]: placement.instances.map((instance) => instance.address) };
      const next: AddressRecord = { format: 1, slot: record.slot, placed };
      if (JSON.stringify(next) !== JSON.stringify(record))
        await writeRecord(this.disk, this.layout.addresses(service), next);
      return placement;
    });
  }

  async #records(): Promise<Map<string, AddressRecord>> {
    const records = new Map<string, AddressRecord>();
    for (const service of await namesIn(this.layout.environments)) {
      const record = await readRecord(this.layout.addresses(service), AddressRecord, remedy);
      if (record) records.set(service, record);
    }
    return records;
  }

  #freeSlot(service: string, records: ReadonlyMap<string, AddressRecord>): number {
    const used = new Set([...records.values()].map((record) => record.slot));
    let slot = Number(BigInt(Bun.hash(`${this.layout.home}\0${service}`)) % BigInt(slotCount));
    while (used.has(slot)) slot = (slot + 1) % slotCount;
    return slot;
  }
}

/** The names in a folder, sorted; none if it is absent. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (thrown) {
    if (isAbsent(thrown)) return [];
    throw thrown;
  }
}
