import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import type { Release } from '../../core/release.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Shipped } from '../../ports/platform.ts';
import { Turn } from '../../core/turn.ts';
import { namesIn } from './addresses.ts';
import { runBuild } from './build.ts';
import { digestOf, seal } from './content.ts';
import { Crew } from './crew.ts';
import { isAbsent, type Disk } from './disk.ts';
import { endCrew } from './ending.ts';
import type { ContentLimits } from './entry-path.ts';
import type { Layout } from './layout.ts';
import type { ProcessTable } from './process-table.ts';
import { Manifest, readRecord, writeRecord } from './record.ts';
import { fetchSource } from './source.ts';
import { buildEnvironment } from './variables.ts';

const staging = /^\.staging-/;
const numbered = /^[1-9]\d*$/;

export interface ReleaseStoreOptions {
  readonly layout: Layout;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly table: ProcessTable;
  /** The begin of every tag of this state directory. */
  readonly homeTag: string;
  readonly limits?: ContentLimits;
}

/**
 * The shipped releases on this machine. A release is whole when its content stands under its number and its manifest beside
 * it; the manifest is written last. Whatever else is found there was left by a crash, and the next ship removes it.
 */
export class ReleaseStore {
  readonly #turns = new Map<string, Turn>();

  constructor(private readonly options: ReleaseStoreOptions) {}

  /** What was shipped under this number; null if it is absent or not whole. */
  async find(service: string, number: number): Promise<Shipped | null> {
    const { layout } = this.options;
    const manifest = await readRecord(layout.manifest(service, number), Manifest, remedy);
    if (!manifest) return null;
    const directory = layout.release(service, number);
    const { digest, files, bytes } = manifest;
    return (await isThere(directory)) ? { digest, directory, files, bytes } : null;
  }

  /** The numbers of all that is whole, rising. */
  async list(service: string): Promise<readonly number[]> {
    const names = await namesIn(this.options.layout.releasesOf(service));
    const whole = names.filter((name) => numbered.test(name) && names.includes(`${name}.json`));
    return whole.map(Number).sort((a, b) => a - b);
  }

  ship(service: string, release: Release, signal?: AbortSignal): Promise<Shipped> {
    return this.#turn(service).take(async () => {
      const shipped = await this.find(service, release.number);
      if (shipped) return shipped;
      try {
        signal?.throwIfAborted();
        await this.#clean(service);
        return await this.#shipNew(service, release, signal);
      } catch (thrown) {
        if (!signal?.aborted || (thrown instanceof CutoverError && thrown.code === 'disk-full')) throw thrown;
        throw new CutoverError(
          'aborted',
          `Release ${release.number} of ${service}: shipping was aborted; nothing of it is left`,
          {
            next: 'Deploy again when you are ready.',
            cause: thrown,
          },
        );
      }
    });
  }

  /** Removes those that are not to be kept; returns their numbers. */
  prune(service: string, keep: ReadonlySet<number>): Promise<readonly number[]> {
    return this.#turn(service).take(async () => {
      const removed = (await this.list(service)).filter((number) => !keep.has(number));
      for (const number of removed) await this.#remove(service, number);
      return removed;
    });
  }

  async #shipNew(service: string, release: Release, signal: AbortSignal | undefined): Promise<Shipped> {
    const { layout, disk, clock, table, limits } = this.options;
    const { number, version, spec } = release;
    const folder = layout.releasesOf(service);
    const directory = layout.release(service, number);
    const stage = join(folder, `.staging-${number}`);
    try {
      await disk.makeDirectory(stage);
      const source = await disk.act('write', stage, 'copying the release', () =>
        fetchSource(release.source, {
          target: stage,
          home: layout.home,
          exclude: spec.release.exclude,
          signal,
          ...(limits ? { limits } : {}),
        }),
      );
      await runBuild({
        subject: `Release ${number} of ${service}`,
        commands: spec.release.build,
        directory: stage,
        variables: {
          ...buildEnvironment(process.env),
          CUTOVER_SERVICE: service,
          CUTOVER_RELEASE: String(number),
          CUTOVER_VERSION: version,
        },
        logPath: layout.buildLog(service, number),
        tag: this.#buildTag(service),
        releases: layout.releases,
        table,
        clock,
        disk,
        signal,
      });
      await disk.act('write', stage, 'sealing the release', () => seal(stage));
      const { digest, files, bytes } = await digestOf(stage, disk);
      signal?.throwIfAborted();
      await disk.rename(stage, directory);
      await disk.syncDirectory(folder);
      const manifest: Manifest = {
        format: 1,
        service,
        number,
        version,
        digest,
        files,
        bytes,
        source,
        shippedAt: clock.now(),
      };
      await writeRecord(disk, layout.manifest(service, number), manifest);
      return { digest, directory, files, bytes };
    } catch (thrown) {
      // The error of the ship is the one to tell; what cannot be removed now is removed by the next ship.
      await disk.removeTree(stage).catch(() => undefined);
      await this.#remove(service, number).catch(() => undefined);
      throw thrown;
    }
  }

  /** Removes what a crash left: processes of a build, staged and half shipped content. */
  async #clean(service: string): Promise<void> {
    const { layout, disk, clock, table } = this.options;
    const crew = new Crew(table, {
      tagPrefix: this.#buildTag(service),
      leaders: [],
      releases: layout.releases,
    });
    await endCrew(crew, {
      signal: 'SIGKILL',
      graceMs: 0,
      clock,
      boundary: disk.boundary,
      subject: `Builds of ${service}`,
    });
    const folder = layout.releasesOf(service);
    const names = await namesIn(folder);
    for (const name of names) {
      const isHalf = numbered.test(name) && !names.includes(`${name}.json`);
      if (staging.test(name) || isHalf) await disk.removeTree(join(folder, name));
    }
  }

  /** The manifest first: what is left after a crash in between is not whole, and so removed by the next ship. */
  async #remove(service: string, number: number): Promise<void> {
    const { layout, disk } = this.options;
    await disk.removeFile(layout.manifest(service, number));
    await disk.syncDirectory(layout.releasesOf(service));
    await disk.removeTree(layout.release(service, number));
  }

  #buildTag(service: string): string {
    return `${this.options.homeTag}/${service}/build/`;
  }

  #turn(service: string): Turn {
    let turn = this.#turns.get(service);
    if (!turn) this.#turns.set(service, (turn = new Turn()));
    return turn;
  }
}

const remedy = 'Compare it with a backup, or remove the file: the release then counts as not shipped.';

/** Whether the content of a shipped release is what was sealed: throws `state-damaged` if it is not. */
export async function verifyRelease(shipped: Shipped): Promise<void> {
  const found = await digestOf(shipped.directory);
  if (found.digest === shipped.digest) return;
  throw new CutoverError(
    'state-damaged',
    `${shipped.directory}: expected the content that was shipped (${shipped.digest}); found ${found.digest}`,
    {
      next: 'Something has written into a sealed release. Deploy it again under a new number.',
      detail: { expected: shipped.digest, found: found.digest },
    },
  );
}

async function isThere(directory: string): Promise<boolean> {
  try {
    return (await stat(directory)).isDirectory();
  } catch (thrown) {
    if (isAbsent(thrown)) return false;
    throw thrown;
  }
}
